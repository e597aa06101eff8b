// SPDX-License-Identifier: Apache-2.0
#include "bench/load/options.h"

#include <getopt.h>

#include <charconv>
#include <string_view>

#include "bench/load/fatal.h"
#include "bench/load/scenario.h"

namespace nuring::bench {
namespace {

constexpr char kUsage[] = R"(Usage: nuring-load <scenario> [options]      run one scenario
       nuring-load verify --server <path>      start a server and check loss, duplicates and order
       nuring-load list                        the scenarios (*: also with --relay)

Target:
    --host <address>       server (default 127.0.0.1)
    --port <port>          its client port (default 4222)
    --url <nats://h:p>     both at once
    --pid <pid>            the server's process, for CPU time and memory
    --server <path>        start this server on a free port for the run instead
    --server-arg <arg>     argument for it, repeatable
    --server-cpu <n>       pin it to this CPU
    --relay                the other end is nuring-relay

Load:
    --seconds <s>          measured time (default 3)
    --warmup <s>           before it (default 0.5)
    --count <n>            publish exactly n messages instead
    --window-kib <n>       deliveries under way at most (default 8192)
    --chunk-kib <n>        bytes per send at most (default 256)
    --verify               number every message, check every delivery
    --block                latency scenarios sleep in the kernel instead of polling
    --cpu <n>              pin the generator to this CPU

Output:
    --json                 one JSON line per scenario
)";

enum Flag : int {
    kHost = 256,
    kPort,
    kUrl,
    kPid,
    kServer,
    kServerArg,
    kServerCpu,
    kRelay,
    kSeconds,
    kWarmup,
    kCount,
    kWindow,
    kChunk,
    kVerify,
    kBlock,
    kCpu,
    kJson,
    kHelp,
};

constexpr option kFlags[] = {
    {"host", required_argument, nullptr, kHost},
    {"port", required_argument, nullptr, kPort},
    {"url", required_argument, nullptr, kUrl},
    {"pid", required_argument, nullptr, kPid},
    {"server", required_argument, nullptr, kServer},
    {"server-arg", required_argument, nullptr, kServerArg},
    {"server-cpu", required_argument, nullptr, kServerCpu},
    {"relay", no_argument, nullptr, kRelay},
    {"seconds", required_argument, nullptr, kSeconds},
    {"warmup", required_argument, nullptr, kWarmup},
    {"count", required_argument, nullptr, kCount},
    {"window-kib", required_argument, nullptr, kWindow},
    {"chunk-kib", required_argument, nullptr, kChunk},
    {"verify", no_argument, nullptr, kVerify},
    {"block", no_argument, nullptr, kBlock},
    {"cpu", required_argument, nullptr, kCpu},
    {"json", no_argument, nullptr, kJson},
    {"help", no_argument, nullptr, kHelp},
    {nullptr, 0, nullptr, 0},
};

template <class Number>
Number parse_number(std::string_view text, std::string_view flag) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) {
        fatal("{}: not a number: {}", flag, text);
    }
    return value;
}

Endpoint parse_url(std::string_view url) {
    constexpr std::string_view kScheme = "nats://";
    if (url.starts_with(kScheme)) url.remove_prefix(kScheme.size());
    const size_t colon = url.rfind(':');
    Endpoint endpoint;
    endpoint.host = std::string(url.substr(0, colon));
    if (colon != std::string_view::npos) {
        endpoint.port = parse_number<uint16_t>(url.substr(colon + 1), "--url");
    }
    return endpoint;
}

void apply_flag(int flag, std::string_view value, Options* options) {
    switch (flag) {
        case kHost:
            options->endpoint.host = std::string(value);
            break;
        case kPort:
            options->endpoint.port = parse_number<uint16_t>(value, "--port");
            break;
        case kUrl:
            options->endpoint = parse_url(value);
            break;
        case kPid:
            options->server_pid = parse_number<pid_t>(value, "--pid");
            break;
        case kServer:
            options->server_path = std::string(value);
            break;
        case kServerArg:
            options->server_args.emplace_back(value);
            break;
        case kServerCpu:
            options->server_cpu = parse_number<int>(value, "--server-cpu");
            break;
        case kRelay:
            options->relay = true;
            break;
        case kSeconds:
            options->seconds = parse_number<double>(value, "--seconds");
            break;
        case kWarmup:
            options->warmup_seconds = parse_number<double>(value, "--warmup");
            break;
        case kCount:
            options->count = parse_number<uint64_t>(value, "--count");
            break;
        case kWindow:
            options->window_bytes = parse_number<size_t>(value, "--window-kib") << 10;
            break;
        case kChunk:
            options->chunk_bytes = parse_number<size_t>(value, "--chunk-kib") << 10;
            break;
        case kVerify:
            options->verify = true;
            break;
        case kBlock:
            options->spin = false;
            break;
        case kCpu:
            options->load_cpu = parse_number<int>(value, "--cpu");
            break;
        case kJson:
            options->json = true;
            break;
        case kHelp:
            fmt::print("{}", kUsage);
            std::exit(0);
        default:
            fmt::print(stderr, "{}", kUsage);
            std::exit(kExitFatal);
    }
}

}  // namespace

Options read_options(int argc, char** argv) {
    Options options;
    for (int flag; (flag = getopt_long(argc, argv, "", kFlags, nullptr)) != -1;) {
        apply_flag(flag, optarg != nullptr ? optarg : "", &options);
    }
    if (optind + 1 != argc) {
        fmt::print(stderr, "{}", kUsage);
        std::exit(kExitFatal);
    }
    options.scenario = argv[optind];
    if (options.scenario == "list") {
        for (const Scenario& scenario : scenarios()) {
            fmt::print("{:<18}{}{}\n", scenario.name, scenario.summary, scenario.relay ? " *" : "");
        }
        std::exit(0);
    }
    if (options.window_bytes == 0 || options.chunk_bytes == 0)
        fatal("window and chunk: at least 1");
    return options;
}

}  // namespace nuring::bench

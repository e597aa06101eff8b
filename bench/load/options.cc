// SPDX-License-Identifier: Apache-2.0
#include "bench/load/options.h"

#include <getopt.h>

#include <charconv>
#include <iterator>
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
    --url <nats://h:p>     both at once; also nats://user:password@h:p and nats://token@h:p
    --far-port <port>      client port of a server linked with the first: receivers connect there
                           (flow and latency scenarios)
    --pairs <where>        "local": publisher and receivers on one worker of our server; "crossing": on two.
                           The count of records between workers must agree (flow scenarios, reqrep-*,
                           pairs-100-paced). Needs:
    --monitor-port <port>  the server's HTTP port
    --pid <pid>            the server's process, for CPU time and memory; repeatable, they add up
    --server <path>        start this server on a free port for the run instead
    --server-arg <arg>     argument for it, repeatable
    --server-cpu <n>       pin it to this CPU
    --tls                  speak TLS after INFO; no certificate is checked (flow and latency scenarios)
    --ws                   over WebSocket, the port is that of the block `websocket` (the same scenarios)
    --relay                the other end is nuring-relay

Load:
    --seconds <s>          measured time (default 3)
    --warmup <s>           before it (default 0.5)
    --count <n>            publish exactly n messages instead
    --window-kib <n>       deliveries under way at most (default 8192)
    --chunk-kib <n>        bytes per send at most (default 256)
    --rate <n>             latency-*: messages per second over all connections (default 1000)
    --size <n>             latency-*: bytes of a payload (default 128)
    --connections <n>      latency-*: connections that publish or ask (default 8)
    --subjects <n>         subs-1m: subscriptions (default a million)
    --stop-server          storm-5k: SIGTERM to the server while all connections are open
    --verify               number every message, check every delivery
    --block                latency scenarios sleep in the kernel instead of polling
    --cpu <n>              pin the generator to this CPU

Output:
    --json                 one JSON line per scenario
    --histogram            in it all latencies, as [limit in ns, count] of each step
)";

constexpr double kSecondsMax = 1e6;
constexpr double kRateMax = 1e7;  // what is beyond it is never sent

template <class Number>
Number parse_number(std::string_view text, std::string_view flag) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) {
        fatal("{}: not a number: {}", flag, text);
    }
    return value;
}

// Not negative, no NaN, and small enough to count in nanoseconds.
double parse_amount(std::string_view text, std::string_view flag, double most) {
    const auto amount = parse_number<double>(text, flag);
    if (!(amount >= 0 && amount <= most)) fatal("{}: from 0 to {}: {}", flag, most, text);
    return amount;
}

Endpoint parse_url(std::string_view url) {
    constexpr std::string_view kScheme = "nats://";
    if (url.starts_with(kScheme)) url.remove_prefix(kScheme.size());
    Endpoint endpoint;
    if (const size_t at = url.rfind('@'); at != std::string_view::npos) {
        const std::string_view login = url.substr(0, at);
        const size_t colon = login.find(':');
        endpoint.user = std::string(login.substr(0, colon));
        if (colon != std::string_view::npos)
            endpoint.password = std::string(login.substr(colon + 1));
        if (login.find_first_of("\"\\") != std::string_view::npos)
            fatal("--url: a quote in the login");
        url.remove_prefix(at + 1);
    }
    const size_t colon = url.rfind(':');
    endpoint.host = std::string(url.substr(0, colon));
    if (colon != std::string_view::npos) {
        endpoint.port = parse_number<uint16_t>(url.substr(colon + 1), "--url");
    }
    return endpoint;
}

size_t parse_kib(std::string_view text, std::string_view flag) {
    return parse_number<size_t>(text, flag) << 10;
}

Pairs parse_pairs(std::string_view text) {
    if (text == "local") return Pairs::kLocal;
    if (text == "crossing") return Pairs::kCrossing;
    fatal("--pairs: neither local nor crossing: {}", text);
}

// One flag: its name, whether a value follows, and what it does.
struct Flag {
    const char* name;
    int value;
    void (*apply)(std::string_view value, Options* options);
};

using Text = std::string_view;

constexpr Flag kFlags[] = {
    {"host", required_argument, [](Text v, Options* o) { o->endpoint.host = std::string(v); }},
    {"port", required_argument,
     [](Text v, Options* o) { o->endpoint.port = parse_number<uint16_t>(v, "--port"); }},
    {"url", required_argument, [](Text v, Options* o) { o->endpoint = parse_url(v); }},
    {"tls", no_argument, [](Text, Options* o) { o->endpoint.tls = true; }},
    {"ws", no_argument, [](Text, Options* o) { o->endpoint.websocket = true; }},
    {"far-port", required_argument,
     [](Text v, Options* o) { o->far_port = parse_number<uint16_t>(v, "--far-port"); }},
    {"pairs", required_argument, [](Text v, Options* o) { o->pairs = parse_pairs(v); }},
    {"monitor-port", required_argument,
     [](Text v, Options* o) { o->monitor_port = parse_number<uint16_t>(v, "--monitor-port"); }},
    {"pid", required_argument,
     [](Text v, Options* o) { o->server_pids.push_back(parse_number<pid_t>(v, "--pid")); }},
    {"server", required_argument, [](Text v, Options* o) { o->server_path = std::string(v); }},
    {"server-arg", required_argument, [](Text v, Options* o) { o->server_args.emplace_back(v); }},
    {"server-cpu", required_argument,
     [](Text v, Options* o) { o->server_cpu = parse_number<int>(v, "--server-cpu"); }},
    {"relay", no_argument, [](Text, Options* o) { o->relay = true; }},
    {"seconds", required_argument,
     [](Text v, Options* o) { o->seconds = parse_amount(v, "--seconds", kSecondsMax); }},
    {"warmup", required_argument,
     [](Text v, Options* o) { o->warmup_seconds = parse_amount(v, "--warmup", kSecondsMax); }},
    {"count", required_argument,
     [](Text v, Options* o) { o->count = parse_number<uint64_t>(v, "--count"); }},
    {"window-kib", required_argument,
     [](Text v, Options* o) { o->window_bytes = parse_kib(v, "--window-kib"); }},
    {"chunk-kib", required_argument,
     [](Text v, Options* o) { o->chunk_bytes = parse_kib(v, "--chunk-kib"); }},
    {"rate", required_argument,
     [](Text v, Options* o) { o->rate = parse_amount(v, "--rate", kRateMax); }},
    {"size", required_argument,
     [](Text v, Options* o) { o->payload_size = parse_number<uint32_t>(v, "--size"); }},
    {"connections", required_argument,
     [](Text v, Options* o) { o->connections = parse_number<uint32_t>(v, "--connections"); }},
    {"subjects", required_argument,
     [](Text v, Options* o) { o->subjects = parse_number<uint32_t>(v, "--subjects"); }},
    {"stop-server", no_argument, [](Text, Options* o) { o->stop_server = true; }},
    {"verify", no_argument, [](Text, Options* o) { o->verify = true; }},
    {"block", no_argument, [](Text, Options* o) { o->spin = false; }},
    {"cpu", required_argument,
     [](Text v, Options* o) { o->load_cpu = parse_number<int>(v, "--cpu"); }},
    {"json", no_argument, [](Text, Options* o) { o->json = true; }},
    {"histogram", no_argument, [](Text, Options* o) { o->histogram = true; }},
    {"help", no_argument,
     [](Text, Options*) {
         fmt::print("{}", kUsage);
         std::exit(0);
     }},
};

constexpr int kFirstFlag = 256;  // above every character that getopt may return

void list_scenarios() {
    for (const Scenario& scenario : scenarios()) {
        fmt::print("{:<18}{}{}\n", scenario.name, scenario.summary, scenario.relay ? " *" : "");
    }
}

}  // namespace

Options read_options(int argc, char** argv) {
    std::vector<option> flags;
    for (size_t i = 0; i < std::size(kFlags); ++i) {
        flags.push_back(
            {kFlags[i].name, kFlags[i].value, nullptr, kFirstFlag + static_cast<int>(i)});
    }
    flags.push_back({});
    Options options;
    for (int flag; (flag = getopt_long(argc, argv, "", flags.data(), nullptr)) != -1;) {
        if (flag < kFirstFlag) fatal("see nuring-load --help");
        kFlags[flag - kFirstFlag].apply(optarg != nullptr ? optarg : "", &options);
    }
    if (optind + 1 != argc) {
        fmt::print(stderr, "{}", kUsage);
        std::exit(kExitFatal);
    }
    options.scenario = argv[optind];
    if (options.scenario == "list") {
        list_scenarios();
        std::exit(0);
    }
    if (options.endpoint.tls && options.endpoint.websocket) fatal("--ws comes without --tls");
    if (options.pairs != Pairs::kAnywhere && options.monitor_port == 0)
        fatal("--pairs needs --monitor-port");
    if (options.window_bytes == 0 || options.chunk_bytes == 0)
        fatal("window and chunk: at least 1");
    return options;
}

}  // namespace nuring::bench

// SPDX-License-Identifier: Apache-2.0
#include "bench/load/report.h"

#include <fmt/core.h>

#include <cstdio>
#include <utility>

namespace nuring::bench {
namespace {

double per_message(double total, const Result& result) {
    return result.messages == 0 ? 0 : total / static_cast<double>(result.messages);
}

double share(double cpu_ns, const Result& result) {
    return result.seconds <= 0 ? 0 : cpu_ns / (result.seconds * 1e9);
}

double us(uint64_t ns) {
    return static_cast<double>(ns) / 1e3;
}

std::string escaped(std::string_view text) {
    std::string out;
    for (const char byte : text) {
        if (byte == '"' || byte == '\\') out += '\\';
        out += static_cast<unsigned char>(byte) < 0x20 ? ' ' : byte;
    }
    return out;
}

void print_json(const Options& options, const Result& result) {
    const double cpu_ns = per_message(result.server_cpu_ns, result);
    fmt::print(R"({{"scenario":"{}","valid":{},"why":"{}","messages":{},"seconds":{:.4f})",
               options.scenario, result.valid, escaped(result.why), result.messages,
               result.seconds);
    if (result.messages != 0 && result.seconds > 0) {
        fmt::print(R"(,"msgs_per_s":{:.0f})",
                   static_cast<double>(result.messages) / result.seconds);
    }
    if (result.server_cpu_ns > 0) {
        fmt::print(R"(,"cpu_ns":{:.2f},"user_ns":{:.2f},"server_busy":{:.3f})", cpu_ns,
                   cpu_ns * result.server_user_share, share(result.server_cpu_ns, result));
    }
    fmt::print(R"(,"load_busy":{:.3f},"rss_bytes":{})", share(result.load_cpu_ns, result),
               result.rss_bytes);
    if (result.latency.count() != 0) {
        fmt::print(R"(,"p50_us":{:.2f},"p99_us":{:.2f},"p999_us":{:.2f},"max_us":{:.2f})",
                   us(result.latency.quantile_ns(0.5)), us(result.latency.quantile_ns(0.99)),
                   us(result.latency.quantile_ns(0.999)), us(result.latency.max_ns()));
    }
    for (const auto& [name, value] : result.figures) fmt::print(R"(,"{}":{:.3f})", name, value);
    if (options.histogram) {
        fmt::print(R"(,"histogram":[)");
        const char* comma = "";
        result.latency.each([&comma](uint64_t limit_ns, uint64_t count) {
            fmt::print("{}[{},{}]", std::exchange(comma, ","), limit_ns, count);
        });
        fmt::print("]");
    }
    fmt::print("}}\n");
}

void print_line(const Options& options, const Result& result) {
    fmt::print("{:<16}", options.scenario);
    if (!result.valid) fmt::print(" INVALID ({})", result.why);
    if (result.messages != 0 && result.seconds > 0) {
        fmt::print(" {:>10.3f} M msg/s",
                   static_cast<double>(result.messages) / result.seconds / 1e6);
    }
    if (result.server_cpu_ns > 0) {
        fmt::print("  {:>8.1f} ns/msg ({:.0f} % user)  busy {:.0f} %",
                   per_message(result.server_cpu_ns, result), result.server_user_share * 100,
                   share(result.server_cpu_ns, result) * 100);
    }
    fmt::print("  load {:.0f} %", share(result.load_cpu_ns, result) * 100);
    if (result.latency.count() != 0) {
        fmt::print("  p50 {:.1f} p99 {:.1f} p99.9 {:.1f} us", us(result.latency.quantile_ns(0.5)),
                   us(result.latency.quantile_ns(0.99)), us(result.latency.quantile_ns(0.999)));
    }
    if (result.rss_bytes != 0) {
        fmt::print("  RSS {:.1f} MiB", static_cast<double>(result.rss_bytes) / (1 << 20));
    }
    for (const auto& [name, value] : result.figures) fmt::print("  {} {:.1f}", name, value);
    fmt::print("\n");
}

}  // namespace

void print_result(const Options& options, const Result& result) {
    if (options.json) {
        print_json(options, result);
    } else {
        print_line(options, result);
    }
    std::fflush(stdout);
    if (!result.valid) {
        fmt::print(stderr, "nuring-load: {}: INVALID: {}\n", options.scenario, result.why);
    }
}

}  // namespace nuring::bench

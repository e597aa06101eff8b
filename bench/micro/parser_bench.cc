// SPDX-License-Identifier: Apache-2.0
// What one operation costs to parse. Each buffer is 64 KiB of operations with varying subjects, as
// a busy connection's receive buffer would be; the time is per operation.
#include <benchmark/benchmark.h>

#include <string>
#include <string_view>

#include "proto/client_parser.h"
#include "proto/connect.h"
#include "proto/route_parser.h"

namespace nuring::proto {
namespace {

constexpr size_t kBufferSize = 64 * 1024;

// Subjects of 6 to 14 characters, so that no branch predictor learns one line by heart.
std::string subject_of(uint32_t n) {
    std::string subject = "bench." + std::to_string(n * 2654435761U % 1000);
    subject.append(n * 40503U % 6, 'x');
    return subject;
}

template <typename MakeOperation>
std::string fill_buffer(MakeOperation make_operation) {
    std::string buffer;
    for (uint32_t n = 0; buffer.size() < kBufferSize; ++n) buffer += make_operation(n);
    return buffer;
}

std::string publish(const std::string& args, size_t payload_size) {
    return "PUB " + args + " " + std::to_string(payload_size) + "\r\n" +
           std::string(payload_size, 'p') + "\r\n";
}

// What the two parsers differ in.
struct OfClient {
    using Operation = ClientOperation;
    static constexpr ClientParseLimits kLimits = {};
    static bool parse(const char* at, const char* end, Operation* out) {
        return parse_client(at, end, kLimits, out) == ParseStatus::kOperation;
    }
};

struct OfRoute {
    using Operation = RouteOperation;
    static constexpr RouteParseLimits kLimits = {};
    static bool parse(const char* at, const char* end, Operation* out) {
        return parse_route(at, end, kLimits, out) == RouteParseStatus::kOperation;
    }
};

template <typename Parser = OfClient>
void parse_buffer(benchmark::State& state, const std::string& buffer) {
    typename Parser::Operation operation;
    size_t count = 0;
    uint64_t sum = 0;
    for (auto _ : state) {
        const char* at = buffer.data();
        const char* const end = at + buffer.size();
        while (at != end) {
            if (!Parser::parse(at, end, &operation)) {
                state.SkipWithError("not an operation");
                return;
            }
            at += operation.consumed;
            sum += operation.subject.size();
            ++count;
        }
    }
    benchmark::DoNotOptimize(sum);
    state.SetItemsProcessed(static_cast<int64_t>(count));
    state.counters["ns/op"] =
        benchmark::Counter(static_cast<double>(count) * 1e-9,
                           benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void publish_same_subject(benchmark::State& state) {
    const size_t size = static_cast<size_t>(state.range(0));
    parse_buffer(state, fill_buffer([&](uint32_t) { return publish("bench.subject", size); }));
}
BENCHMARK(publish_same_subject)->Arg(16)->Arg(128)->Arg(1024);

void publish_varying_subjects(benchmark::State& state) {
    const size_t size = static_cast<size_t>(state.range(0));
    parse_buffer(state, fill_buffer([&](uint32_t n) { return publish(subject_of(n), size); }));
}
BENCHMARK(publish_varying_subjects)->Arg(16)->Arg(128)->Arg(1024);

void publish_varying_sizes(benchmark::State& state) {
    parse_buffer(state, fill_buffer([&](uint32_t n) {
                     return publish(subject_of(n), n * 2654435761U % 200);
                 }));
}
BENCHMARK(publish_varying_sizes);

void publish_with_reply(benchmark::State& state) {
    parse_buffer(state, fill_buffer([&](uint32_t n) {
                     return publish(subject_of(n) + " _INBOX.abcdefghijklmnopqrstuv.01234567", 16);
                 }));
}
BENCHMARK(publish_with_reply);

void publish_long_subject(benchmark::State& state) {
    const std::string subject(100, 's');
    parse_buffer(state, fill_buffer([&](uint32_t) { return publish(subject, 16); }));
}
BENCHMARK(publish_long_subject);

void publish_double_spaces(benchmark::State& state) {
    parse_buffer(state, fill_buffer([&](uint32_t n) { return publish(subject_of(n) + " ", 16); }));
}
BENCHMARK(publish_double_spaces);

void header_publish(benchmark::State& state) {
    parse_buffer(state, fill_buffer([&](uint32_t n) {
                     return "HPUB " + subject_of(n) + " 12 28\r\nNATS/1.0\r\n\r\n" +
                            std::string(16, 'p') + "\r\n";
                 }));
}
BENCHMARK(header_publish);

void subscribe(benchmark::State& state) {
    parse_buffer(state, fill_buffer([&](uint32_t n) {
                     return "SUB " + subject_of(n) + " " + std::to_string(n) + "\r\n";
                 }));
}
BENCHMARK(subscribe);

void unsubscribe(benchmark::State& state) {
    parse_buffer(state,
                 fill_buffer([&](uint32_t n) { return "UNSUB " + std::to_string(n) + "\r\n"; }));
}
BENCHMARK(unsubscribe);

void ping(benchmark::State& state) {
    parse_buffer(state, fill_buffer([](uint32_t) { return "PING\r\n"; }));
}
BENCHMARK(ping);

// ---- routes ------------------------------------------------------------------------------------

std::string routed(const std::string& args, size_t payload_size) {
    return "RMSG $G " + args + " " + std::to_string(payload_size) + "\r\n" +
           std::string(payload_size, 'p') + "\r\n";
}

void routed_same_subject(benchmark::State& state) {
    const size_t size = static_cast<size_t>(state.range(0));
    parse_buffer<OfRoute>(state,
                          fill_buffer([&](uint32_t) { return routed("bench.subject", size); }));
}
BENCHMARK(routed_same_subject)->Arg(16)->Arg(128)->Arg(1024);

void routed_varying_subjects(benchmark::State& state) {
    const size_t size = static_cast<size_t>(state.range(0));
    parse_buffer<OfRoute>(state,
                          fill_buffer([&](uint32_t n) { return routed(subject_of(n), size); }));
}
BENCHMARK(routed_varying_subjects)->Arg(16)->Arg(128)->Arg(1024);

void routed_with_reply(benchmark::State& state) {
    parse_buffer<OfRoute>(state, fill_buffer([&](uint32_t n) {
        return routed(subject_of(n) + " _INBOX.abcdefghijklmnopqrstuv.01234567", 16);
    }));
}
BENCHMARK(routed_with_reply);

void routed_with_queues(benchmark::State& state) {
    parse_buffer<OfRoute>(state, fill_buffer([&](uint32_t n) {
        return routed(subject_of(n) + " | workers audit", 16);
    }));
}
BENCHMARK(routed_with_queues);

void routed_with_header(benchmark::State& state) {
    parse_buffer<OfRoute>(state, fill_buffer([&](uint32_t n) {
        return "HMSG $G " + subject_of(n) + " 12 28\r\nNATS/1.0\r\n\r\n" +
               std::string(16, 'p') + "\r\n";
    }));
}
BENCHMARK(routed_with_header);

void remote_subscribe(benchmark::State& state) {
    parse_buffer<OfRoute>(state, fill_buffer([&](uint32_t n) {
        return "RS+ $G " + subject_of(n) + "\r\n";
    }));
}
BENCHMARK(remote_subscribe);

// ---- one at a time -----------------------------------------------------------------------------

// One operation per read, as in request-reply: nothing behind it that a wide load could use.
void publish_alone(benchmark::State& state) {
    const std::string input = publish("bench.subject", static_cast<size_t>(state.range(0)));
    const ClientParseLimits limits;
    ClientOperation operation;
    for (auto _ : state) {
        const char* at = input.data();
        benchmark::DoNotOptimize(at);
        if (parse_client(at, at + input.size(), limits, &operation) != ParseStatus::kOperation) {
            state.SkipWithError("not an operation");
        }
        benchmark::DoNotOptimize(operation);
    }
}
BENCHMARK(publish_alone)->Arg(0)->Arg(5)->Arg(16);

void connect(benchmark::State& state) {
    constexpr std::string_view kJson =
        R"({"verbose":false,"pedantic":false,"tls_required":false,"name":"bench","lang":"go",)"
        R"("version":"1.31.0","protocol":1,"echo":true,"headers":true,"no_responders":true,)"
        R"("user":"derek","pass":"s3cr3t"})";
    JsonParser parser;
    std::string error;
    for (auto _ : state) {
        ConnectOptions options;
        if (parse_connect(kJson, &parser, &options, &error) != JsonStatus::kOk) {
            state.SkipWithError("not a CONNECT");
        }
        benchmark::DoNotOptimize(options);
    }
}
BENCHMARK(connect);

}  // namespace
}  // namespace nuring::proto

BENCHMARK_MAIN();

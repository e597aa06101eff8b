// SPDX-License-Identifier: Apache-2.0
// nuring-count: a whole server on simulated sockets under fixed loads; says what each message costs it. The
// same program gives the same figures each time. bench/count_gate runs it under valgrind, which counts the
// instructions.
//
//   nuring-count [scenario ...]
//       one line each: name, workers, messages, records, wakes, turns, sends
//   nuring-count --rounds N [scenario ...]
//       the same over N rounds, and the CPU time per message: without any kernel, so that two builds compare
//
// The figures are those of the steady part, of all workers together. Two workers: each message crosses from
// one to the other (fan-out and queue group: every second one).
#include <time.h>

#include <algorithm>
#include <cassert>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "bench/count/count_ring.h"
#include "core/config/options.h"
#include "core/log/log.h"
#include "core/runtime/jobs.h"
#include "core/server/server.h"
#include "fmt/format.h"

namespace nuring::count {
namespace {

constexpr uint32_t kSeed = 20190604;
constexpr size_t kChunkBytes = 256 * 1024;  // what a publisher has sent when the workers run
constexpr int kConnectionsMax = 64;         // until one has come to the worker that is wanted

struct Scenario {
    std::string_view name;
    uint32_t payload_size = 128;
    uint32_t header_size = 0;  // of the payload
    uint32_t lanes = 1;        // publishers, each with receivers of its own
    uint32_t receivers = 1;
    uint32_t subjects = 1;  // per lane, in turn; more than one are received by a wildcard
    uint32_t messages = 20'000;
    bool queue = false;
    bool requests = false;
};

constexpr Scenario kScenarios[] = {
    {.name = "1to1-16", .payload_size = 16},
    {.name = "1to1-128"},
    {.name = "1to1-1k", .payload_size = 1024},
    {.name = "fanout-10", .receivers = 10},
    {.name = "queue-4", .receivers = 4, .queue = true},
    {.name = "8x8-128", .lanes = 8},
    {.name = "wildcard-64", .subjects = 64},
    {.name = "wild-10k", .payload_size = 16, .subjects = 10'000},
    {.name = "headers", .header_size = 64},
    {.name = "reqrep", .messages = 2'000, .requests = true},
};

// The seam to jobs. Nothing here needs one.
class NoJobs final : public runtime::JobRunner {
  public:
    using JobRunner::submit;
    bool submit(runtime::Worker& /*worker*/, std::unique_ptr<runtime::Job> /*job*/,
                runtime::JobAsker /*asker*/) override {
        assert(false && "a job in a scenario without any");
        return false;
    }
};

struct Figures {
    uint64_t records = 0;
    uint64_t wakes = 0;
    uint64_t turns = 0;
    uint64_t sends = 0;
};

// Bench is one server and its clients. It is not taken apart: the program ends soon.
class Bench {
  public:
    explicit Bench(uint32_t worker_count);

    // A client of that worker.
    int connect(uint32_t worker);
    void send(int fd, std::string_view bytes) { net_.send(fd, bytes); }
    CountNet::Socket& socket(int fd) { return net_.socket(fd); }
    // Until no worker has anything to do.
    void run();
    Figures figures() const;

  private:
    bool is_runnable(uint32_t worker) const {
        return server_->worker(worker).wait_until_ns() <= net_.now_ns() || rings_[worker]->ready();
    }

    CountNet net_;
    NoJobs jobs_;
    std::unique_ptr<log::Logger> logger_;
    std::vector<std::unique_ptr<CountRing>> rings_;
    std::unique_ptr<server::Server> server_;
};

Bench::Bench(uint32_t worker_count) {
    auto options = std::make_shared<config::Options>();
    options->host = "127.0.0.1";
    options->uring.heavy_hitters = false;  // its samples go by time
    config::complete(options.get());
    logger_ = std::make_unique<log::Logger>(log::LoggerOptions{.writer_count = 1 + worker_count});
    server::ServerSetup setup;
    setup.options = options;
    setup.logger = logger_.get();
    setup.jobs = setup.handshake_jobs = setup.lookup_jobs = &jobs_;
    for (uint32_t i = 0; i < worker_count; ++i) {
        rings_.push_back(std::make_unique<CountRing>(net_, ring::RingOptions()));
        setup.rings.push_back(rings_.back().get());
    }
    server_ = std::make_unique<server::Server>(std::move(setup));
    if (!server_->listen().ok()) std::abort();
    for (uint32_t i = 0; i < worker_count; ++i) {
        if (!server_->worker(i).start().ok()) std::abort();
    }
    run();
}

int Bench::connect(uint32_t worker) {
    for (int i = 0; i < kConnectionsMax; ++i) {
        const int fd = net_.connect();
        run();
        send(fd,
             "CONNECT "
             "{\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true}"
             "\r\nPING\r\n");
        run();
        if (net_.socket(fd).ring == rings_[worker].get()) return fd;
    }
    fmt::print(stderr, "no connection has come to worker {}\n", worker);
    std::exit(1);
}

void Bench::run() {
    for (bool any = true; any;) {
        any = false;
        for (uint32_t i = 0; i < server_->worker_count(); ++i) {
            if (!is_runnable(i)) continue;
            const Tally::Server server;
            server_->worker(i).turn();
            any = true;
        }
    }
}

Figures Bench::figures() const {
    Figures sum;
    for (uint32_t i = 0; i < server_->worker_count(); ++i) {
        const ring::RingStats& stats = rings_[i]->stats();
        sum.records += server_->worker(i).stats().records;
        sum.wakes += stats.wakes_sent;
        sum.turns += stats.turns;
        sum.sends += stats.sends;
    }
    return sum;
}

// ------------------------------------------------------------------------------------------- loads

std::vector<std::string> subjects_of(const Scenario& scenario, uint32_t lane) {
    if (scenario.subjects == 1) return {fmt::format("load.{}", lane)};
    std::vector<uint32_t> numbers(scenario.subjects);
    std::iota(numbers.begin(), numbers.end(), 0);
    std::shuffle(numbers.begin(), numbers.end(), std::mt19937(kSeed));
    std::vector<std::string> subjects;
    for (const uint32_t number : numbers) subjects.push_back(fmt::format("load.{:07}.t", number));
    return subjects;
}

std::string message_to(std::string_view subject, const Scenario& scenario) {
    std::string payload(scenario.payload_size, 'x');
    if (scenario.header_size == 0)
        return fmt::format("PUB {} {}\r\n{}\r\n", subject, payload.size(), payload);
    constexpr std::string_view kBegin = "NATS/1.0\r\nName: ";
    std::string headers(kBegin);
    headers.resize(scenario.header_size - 4, 'v');
    headers += "\r\n\r\n";
    return fmt::format("HPUB {} {} {}\r\n{}{}\r\n", subject, headers.size(),
                       headers.size() + payload.size(), headers, payload);
}

struct Lane {
    int publisher = -1;
    std::vector<int> receivers;
    std::vector<std::string> chunks;  // all messages of one round
};

// The flow of one scenario, in rounds of all its messages.
class Flow {
  public:
    Flow(const Scenario& scenario, uint32_t worker_count)
        : scenario_(scenario), bench_(worker_count) {
        for (uint32_t lane = 0; lane < scenario.lanes; ++lane) open_lane(lane, worker_count);
    }

    Bench& bench() { return bench_; }
    uint64_t deliveries_per_round() const {
        return uint64_t{scenario_.messages} * (scenario_.queue ? 1 : scenario_.receivers);
    }
    void run_round() {
        const uint64_t before = received_bytes();
        for (size_t i = 0; i < lanes_.front().chunks.size(); ++i) {
            for (const Lane& lane : lanes_) bench_.send(lane.publisher, lane.chunks[i]);
            bench_.run();
        }
        if (received_bytes() - before == expected_bytes_) return;
        fmt::print(stderr, "{}: {} bytes were received, {} expected\n", scenario_.name,
                   received_bytes() - before, expected_bytes_);
        std::exit(1);
    }

  private:
    void open_lane(uint32_t number, uint32_t worker_count) {
        const std::vector<std::string> subjects = subjects_of(scenario_, number);
        Lane lane;
        lane.publisher = bench_.connect(0);
        for (uint32_t i = 0; i < scenario_.receivers; ++i) {
            const bool spread = scenario_.receivers > 1;
            lane.receivers.push_back(bench_.connect(spread ? i % worker_count : worker_count - 1));
            const std::string pattern = subjects.size() == 1 ? subjects[0] : "load.*.t";
            bench_.send(lane.receivers.back(),
                        fmt::format("SUB {} {}1\r\n", pattern, scenario_.queue ? "workers " : ""));
        }
        bench_.run();
        lane.chunks.emplace_back();
        for (uint32_t i = 0; i < scenario_.messages / scenario_.lanes; ++i) {
            const std::string message = message_to(subjects[i % subjects.size()], scenario_);
            if (lane.chunks.back().size() + message.size() > kChunkBytes)
                lane.chunks.emplace_back();
            lane.chunks.back() += message;
            // "MSG <subject> 1 <size>" in place of "PUB <subject> <size>".
            expected_bytes_ += (message.size() + 2) * (scenario_.queue ? 1 : scenario_.receivers);
        }
        lanes_.push_back(std::move(lane));
    }
    uint64_t received_bytes() {
        uint64_t bytes = 0;
        for (const Lane& lane : lanes_) {
            for (const int receiver : lane.receivers) bytes += bench_.socket(receiver).output_bytes;
        }
        return bytes;
    }

    const Scenario scenario_;
    Bench bench_;
    std::vector<Lane> lanes_;
    uint64_t expected_bytes_ = 0;  // of one round, by all receivers
};

// One request at a time, each with a reply subject of its own.
class Requests {
  public:
    Requests(const Scenario& scenario, uint32_t worker_count)
        : scenario_(scenario),
          bench_(worker_count),
          requestor_(bench_.connect(0)),
          service_(bench_.connect(worker_count - 1)),
          payload_(scenario.payload_size, 'x') {
        bench_.send(requestor_, "SUB _INBOX.count.* 1\r\n");
        bench_.send(service_, "SUB service 1\r\n");
        bench_.run();
    }

    Bench& bench() { return bench_; }
    uint64_t deliveries_per_round() const { return scenario_.messages; }
    void run_round() {
        for (uint32_t i = 0; i < scenario_.messages; ++i) ask();
    }

  private:
    void ask() {
        const std::string inbox = fmt::format("_INBOX.count.{:08}", number_++);
        const uint64_t asked = bench_.socket(service_).output_bytes;
        const uint64_t answered = bench_.socket(requestor_).output_bytes;
        bench_.send(requestor_,
                    fmt::format("PUB service {} {}\r\n{}\r\n", inbox, payload_.size(), payload_));
        bench_.run();
        const bool was_asked = bench_.socket(service_).output_bytes > asked;
        bench_.send(service_, fmt::format("PUB {} {}\r\n{}\r\n", inbox, payload_.size(), payload_));
        bench_.run();
        if (was_asked && bench_.socket(requestor_).output_bytes > answered) return;
        fmt::print(stderr, "{}: request {} was lost\n", scenario_.name, number_);
        std::exit(1);
    }

    const Scenario scenario_;
    Bench bench_;
    const int requestor_;
    const int service_;
    const std::string payload_;
    uint64_t number_ = 0;
};

uint64_t thread_cpu_ns() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

// A few rounds fill caches and buffers; the next one counts.
template <typename Load>
void count(const Scenario& scenario, uint32_t worker_count, uint64_t rounds) {
    constexpr int kWarmUpRounds = 3;
    // It is left as it is: to take a server apart needs a kernel that ends its requests.
    auto& load = *new Load(scenario, worker_count);
    for (int i = 0; i < kWarmUpRounds; ++i) load.run_round();
    const Figures before = load.bench().figures();
    const uint64_t messages = load.deliveries_per_round() * std::max<uint64_t>(rounds, 1);
    const uint64_t begin_ns = thread_cpu_ns();
    Tally::begin();
    for (uint64_t i = 0; i < std::max<uint64_t>(rounds, 1); ++i) load.run_round();
    Tally::end(fmt::format("{} {}", scenario.name, worker_count));
    const uint64_t cpu_ns = thread_cpu_ns() - begin_ns;
    const Figures after = load.bench().figures();
    fmt::print("{} {} messages={} records={} wakes={} turns={} sends={}", scenario.name,
               worker_count, messages, after.records - before.records, after.wakes - before.wakes,
               after.turns - before.turns, after.sends - before.sends);
    // Otherwise each run prints the same.
    if (rounds != 0)
        fmt::print(" ns={:.1f}", static_cast<double>(cpu_ns) / static_cast<double>(messages));
    fmt::print("\n");
    std::fflush(stdout);
}

int run(int argument_count, char** arguments) {
    std::vector<std::string_view> wanted(arguments + 1, arguments + argument_count);
    uint64_t rounds = 0;
    if (wanted.size() >= 2 && wanted[0] == "--rounds") {
        rounds = std::strtoull(arguments[2], nullptr, 10);
        wanted.erase(wanted.begin(), wanted.begin() + 2);
    }
    fmt::print("compiler {}\n", NURING_COUNT_COMPILER);
    for (const Scenario& scenario : kScenarios) {
        if (!wanted.empty() &&
            std::find(wanted.begin(), wanted.end(), scenario.name) == wanted.end())
            continue;
        for (const uint32_t worker_count : {1U, 2U}) {
            if (scenario.requests) {
                count<Requests>(scenario, worker_count, rounds);
            } else {
                count<Flow>(scenario, worker_count, rounds);
            }
        }
    }
    return 0;
}

}  // namespace
}  // namespace nuring::count

int main(int argument_count, char** arguments) {
    return nuring::count::run(argument_count, arguments);
}

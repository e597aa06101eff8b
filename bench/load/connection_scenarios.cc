// SPDX-License-Identifier: Apache-2.0
// Scenarios about connections: very many at once, and one that never reads.
#include <poll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <memory>
#include <vector>

#include "bench/load/clock.h"
#include "bench/load/fatal.h"
#include "bench/load/flow.h"
#include "bench/load/scenario.h"

namespace nuring::bench {
namespace {

constexpr size_t kConnectingMax = 256;  // handshakes under way at once
constexpr uint64_t kStormLimitNs = 60 * kNsPerSecond;
constexpr uint64_t kSettleNs = kNsPerSecond;
constexpr size_t kPortsPerAddress =
    5'000;  // of 28,000; where few are free, connect() searches for them
constexpr int kStopLimitMs = 120'000;

constexpr double kStuckSecondsMin = 12;  // longer than the write deadline of any server here
constexpr size_t kStuckWindowBytes = 32 << 20;
constexpr int kStuckSendBufferBytes = 256 << 10;

void raise_file_limit(size_t wanted) {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < wanted) fatal("needs {} open files, may have {}", wanted, limit.rlim_cur);
}

// Memory of the kernel's own objects, all of the machine's: sockets, files.
uint64_t kernel_object_bytes() {
    FILE* file = std::fopen("/proc/meminfo", "re");
    if (file == nullptr) return 0;
    char line[128];
    uint64_t kib = 0;
    while (std::fgets(line, sizeof line, file) != nullptr &&
           std::sscanf(line, "Slab: %" SCNu64, &kib) != 1) {
    }
    std::fclose(file);
    return kib * 1024;
}

// SIGTERM; how long the process takes to end, in ms.
double stop_ms(pid_t pid) {
    const int fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    if (fd < 0) fatal("--stop-server: no process {}", pid);
    const uint64_t from = now_ns();
    kill(pid, SIGTERM);
    pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
    if (poll(&entry, 1, kStopLimitMs) != 1) fatal("the server does not stop");
    ::close(fd);
    return static_cast<double>(now_ns() - from) / kNsPerMs;
}

// Storm opens connections as clients do: wait for INFO, send CONNECT and PING, wait for PONG.
class Storm {
  public:
    Storm(const Endpoint& endpoint, size_t count) : endpoint_(endpoint), wires_(count) {
        greeted_.resize(count);
    }

    // False if not all were let in within the limit.
    bool run() {
        const uint64_t deadline = now_ns() + kStormLimitNs;
        while (ready_ < wires_.size() && now_ns() < deadline) {
            while (dialed_ < wires_.size() && dialed_ < ready_ + kConnectingMax) dial();
            poller_.wait(10, [this](Wire* wire) { advance(wire); });
        }
        return ready_ == wires_.size();
    }

    bool all_open() {
        poller_.wait(0, [](Wire* wire) { wire->receive([](const Delivery&) {}); });
        return std::none_of(wires_.begin(), wires_.end(),
                            [](const auto& wire) { return wire->closed(); });
    }

  private:
    void dial() {
        wires_[dialed_] = std::make_unique<Wire>();
        const uint32_t source =
            endpoint_.host == "127.0.0.1" ? static_cast<uint32_t>(dialed_ / kPortsPerAddress) : 0;
        if (!wires_[dialed_]->dial_nowait(endpoint_, source))
            fatal("connection {} failed", dialed_);
        poller_.add(wires_[dialed_].get());
        ++dialed_;
    }

    void advance(Wire* wire) {
        if (!wire->readable) return;
        wire->receive([](const Delivery&) {});
        if (wire->closed()) fatal("a connection was refused: {}", wire->error());
        const auto is_wire = [wire](const auto& other) { return other.get() == wire; };
        // The connections under way are the last ones dialed: the search is short.
        const auto from = wires_.begin() + static_cast<ptrdiff_t>(first_open_);
        const auto at = static_cast<size_t>(
            std::find_if(from, wires_.begin() + static_cast<ptrdiff_t>(dialed_), is_wire) -
            wires_.begin());
        if (at == dialed_) return;
        if (!greeted_[at]) {
            greeted_[at] = 1;
            wire->greet(endpoint_);
        } else if (greeted_[at] == 1 && wire->pongs() != 0) {
            greeted_[at] = 2;
            ++ready_;
            while (first_open_ < dialed_ && greeted_[first_open_] == 2) ++first_open_;
        }
    }

    const Endpoint& endpoint_;
    Poller poller_;
    std::vector<std::unique_ptr<Wire>> wires_;
    std::vector<uint8_t> greeted_;  // 1: CONNECT sent, 2: PONG received
    size_t dialed_ = 0;
    size_t ready_ = 0;
    size_t first_open_ = 0;  // all before it are ready
};

}  // namespace

// Messages are connections here. The memory is the server's own (RSS); what the kernel keeps for
// the sockets comes on top for every server alike.
Result run_connection_storm(const Options& options, const Shape& shape) {
    const size_t count = options.count != 0 ? options.count : shape.publishers;
    raise_file_limit(count + 64);
    Wire first;  // whatever the server makes once at its first connection is not counted
    first.open(options.endpoint);
    const Meter meter(options.server_pids);
    const uint64_t rss_before = meter.rss_bytes();
    const Meter::Sample from = meter.sample();
    Storm storm(options.endpoint, count);
    Result result;
    if (!storm.run()) result.invalidate("not all connections were let in");
    Meter::fill(from, meter.sample(), &result);
    result.messages = count;
    result.figures.emplace_back("accepts_per_s", static_cast<double>(count) / result.seconds);
    poll(nullptr, 0, static_cast<int>(kSettleNs / kNsPerMs));
    result.rss_bytes = meter.rss_bytes();
    result.figures.emplace_back(
        "bytes_per_conn",
        static_cast<double>(result.rss_bytes - std::min(result.rss_bytes, rss_before)) /
            static_cast<double>(count));
    result.figures.emplace_back("kernel_bytes", static_cast<double>(kernel_object_bytes()));
    if (!storm.all_open()) result.invalidate("the server closed idle connections");
    if (options.stop_server) {
        if (options.server_pids.empty()) fatal("--stop-server needs --pid or --server");
        result.figures.emplace_back("stop_ms", stop_ms(options.server_pids.front()));
    }
    return result;
}

// The stuck subscriber is subscribed before the load begins, so all of its life is measured:
// filling up, being noticed, being closed.
Result run_stuck_subscriber(const Options& options, const Shape& shape) {
    Options longer = options;
    longer.warmup_seconds = 0;
    longer.seconds = std::max(options.seconds, kStuckSecondsMin);
    longer.window_bytes = std::max(options.window_bytes, kStuckWindowBytes);
    Wire stuck;
    Wire healthy;
    Wire publisher;
    for (Wire* wire : {&stuck, &healthy}) {
        wire->open(options.endpoint);
        wire->send_all("SUB load.0 1\r\n");
        wire->flush();
    }
    publisher.open(options.endpoint);
    publisher.set_send_buffer(kStuckSendBufferBytes);
    Flow::LanePlan plan;
    plan.batch.subjects = {"load.0"};
    plan.batch.payload_size = shape.payload_size;
    plan.batch.bytes_wanted = options.chunk_bytes;
    plan.receivers = {&healthy};
    plan.message_frame_size =
        message_frame("load.0", "1", "", make_payload(shape.payload_size)).size();
    Flow flow(longer);
    flow.add_lane(&publisher, plan);
    Result result;
    flow.run(&result);
    const auto ms = [](uint64_t ns) { return static_cast<double>(ns) / kNsPerMs; };
    result.figures.emplace_back("publisher_block_ms", ms(flow.publisher_block_max_ns()));
    result.figures.emplace_back("gap_ms", ms(flow.receiver_gap_max_ns()));
    return result;
}

}  // namespace nuring::bench

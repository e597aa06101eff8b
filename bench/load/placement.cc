// SPDX-License-Identifier: Apache-2.0
#include "bench/load/placement.h"

#include <sys/socket.h>

#include <charconv>
#include <string>
#include <string_view>

#include "bench/load/fatal.h"

namespace nuring::bench {
namespace {

// A record holds 32 KiB, and a message in it takes more than this.
constexpr uint64_t kRunMessagesMax = 32 * 1024 / 8;

std::string get_page(const Endpoint& endpoint, const std::string& target) {
    Wire wire;
    wire.dial(endpoint);
    wire.send_all(fmt::format("GET {} HTTP/1.0\r\nHost: {}\r\n\r\n", target, endpoint.host));
    std::string page;
    for (;;) {
        wire.wait_readable(5000);
        char bytes[16384];
        const ssize_t count = recv(wire.fd(), bytes, sizeof bytes, 0);
        if (count == 0) return page;
        if (count > 0) page.append(bytes, static_cast<size_t>(count));
    }
}

// All numbers behind that key, in their order.
std::vector<uint64_t> numbers_of(std::string_view page, std::string_view key) {
    std::vector<uint64_t> numbers;
    for (size_t at = page.find(key); at != std::string_view::npos; at = page.find(key, at)) {
        at = page.find_first_of("0123456789", at);
        if (at == std::string_view::npos) break;
        std::from_chars(page.data() + at, page.data() + page.size(), numbers.emplace_back());
    }
    return numbers;
}

}  // namespace

Placement::Placement(const Options& options) : options_(options) {
    if (options_.pairs == Pairs::kAnywhere) return;
    const size_t workers = ask().connections.size();
    const size_t wanted = options_.pairs == Pairs::kCrossing ? 2 : 1;
    if (workers < wanted) fatal("/workerz shows {} workers, not {}", workers, wanted);
}

// A target of its own each time: the server may serve the same page again for a while.
Placement::Workers Placement::ask() {
    Endpoint monitor = options_.endpoint;
    monitor.port = options_.monitor_port;
    const std::string page = get_page(monitor, fmt::format("/workerz?look={}", ++asked_));
    Workers workers{.connections = numbers_of(page, "\"connections\":")};
    for (const uint64_t records : numbers_of(page, "\"records\":")) workers.records += records;
    return workers;
}

void Placement::open(Wire* wire, const Endpoint& endpoint, uint32_t place) {
    if (options_.pairs == Pairs::kAnywhere) return wire->open(endpoint);
    Workers before = ask();
    const size_t wanted = place % before.connections.size();
    for (uint32_t i = 0; i < kTriesMax; ++i) {
        auto next = std::make_unique<Wire>();
        next->open(endpoint);
        const Workers after = ask();
        if (after.connections[wanted] > before.connections[wanted]) return wire->take(next.get());
        strays_.push_back(std::move(next));
        before = after;
    }
    fatal("worker {} gets no connection", wanted);
}

void Placement::begin() {
    if (options_.pairs != Pairs::kAnywhere) records_before_ = ask().records;
}

void Placement::check(uint64_t published, Result* result) {
    if (options_.pairs == Pairs::kAnywhere || published == 0) return;
    const uint64_t records = ask().records - records_before_;
    result->figures.emplace_back("records_per_1000",
                                 1000.0 * static_cast<double>(records) / static_cast<double>(published));
    if (options_.pairs == Pairs::kLocal) {
        if (records != 0) result->invalidate(fmt::format("{} records of local pairs", records));
    } else if (records * kRunMessagesMax < published) {
        result->invalidate(fmt::format("{} records of {} messages that cross", records, published));
    }
}

}  // namespace nuring::bench

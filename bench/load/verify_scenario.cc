// SPDX-License-Identifier: Apache-2.0
// The load test for correctness. 8 publishers send numbered messages of mixed sizes; each message
// has three deliveries: a literal subscription, a wildcard on another connection, and one member of
// a queue group of 4. Nothing may be lost, doubled or out of order per publisher and connection.
#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "bench/load/clock.h"
#include "bench/load/fatal.h"
#include "bench/load/frames.h"
#include "bench/load/meter.h"
#include "bench/load/poller.h"
#include "bench/load/scenario.h"

namespace nuring::bench {
namespace {

constexpr uint32_t kPublishers = 8;
constexpr uint32_t kMembers = 4;
constexpr uint64_t kCopies = 3;
constexpr uint64_t kDefaultCount = 10'000'000;
constexpr uint64_t kLargeEvery = 1021;
constexpr uint64_t kLargeBytes = 8192;
constexpr uint64_t kSmallSpread = 249;
constexpr uint64_t kMessageBytesMean = 160;  // for the window
constexpr size_t kBatchBytes = 64 << 10;
constexpr uint64_t kVerifyPatienceNs = 10 * kNsPerSecond;  // without any delivery
constexpr int kComplaintsMax = 10;

// Length of a payload, from its publisher and number alone, so that the receiver can check it.
size_t payload_size(uint64_t publisher, uint64_t number) {
    const uint64_t mixed = number * 7919 + publisher * 31;
    const uint64_t large = number % kLargeEvery == publisher ? kLargeBytes : 0;
    return static_cast<size_t>(kStampBytes + mixed % kSmallSpread + large);
}

struct Publisher {
    Wire wire;
    std::string batch;
    size_t offset = 0;
    uint64_t next = 0;  // number
};

struct Subscriber {
    Wire wire;
    std::array<uint64_t, kPublishers> next{};  // number, per publisher
};

class Verification {
  public:
    explicit Verification(const Options& options);
    void run(Result* result);

  private:
    void connect();
    bool publish(uint64_t index);
    void fill(uint64_t index);
    bool collect();
    void check_plain(uint32_t subscriber, const Delivery& delivery);
    void check_member(uint32_t member, const Delivery& delivery);
    bool open_stamp(const Delivery& delivery, uint64_t* publisher, uint64_t* number);
    void check_totals(Result* result);
    template <class... Args>
    void complain(fmt::format_string<Args...> format, Args&&... args);

    const Options& options_;
    Poller poller_;
    uint64_t per_publisher_;
    std::string pattern_;
    std::vector<std::unique_ptr<Publisher>> publishers_;
    std::vector<std::unique_ptr<Subscriber>> subscribers_;
    std::vector<std::unique_ptr<Subscriber>> members_;
    std::array<std::vector<bool>, kPublishers> seen_by_queue_;
    uint64_t published_ = 0;
    uint64_t delivered_ = 0;
    uint64_t complaints_ = 0;
};

Verification::Verification(const Options& options)
    : options_(options),
      per_publisher_((options.count != 0 ? options.count : kDefaultCount) / kPublishers),
      pattern_(make_payload(kStampBytes + kSmallSpread + kLargeBytes)) {
    connect();
}

template <class... Args>
void Verification::complain(fmt::format_string<Args...> format, Args&&... args) {
    if (++complaints_ <= kComplaintsMax) {
        fmt::print(stderr, "verify: {}\n", fmt::format(format, std::forward<Args>(args)...));
    }
}

void Verification::connect() {
    const auto open = [this](Wire* wire, const std::string& lines) {
        wire->open(options_.endpoint);
        wire->send_all(lines);
        wire->flush();
        poller_.add(wire);
    };
    for (uint32_t i = 0; i < kPublishers; ++i) {
        subscribers_.push_back(std::make_unique<Subscriber>());
        open(&subscribers_.back()->wire,
             fmt::format("SUB verify.{} 1\r\nSUB *.{} 2\r\n", i, (i + 1) % kPublishers));
    }
    for (uint32_t i = 0; i < kMembers; ++i) {
        members_.push_back(std::make_unique<Subscriber>());
        open(&members_.back()->wire, "SUB verify.* workers 3\r\n");
    }
    for (uint32_t i = 0; i < kPublishers; ++i) {
        publishers_.push_back(std::make_unique<Publisher>());
        open(&publishers_.back()->wire, "");
        publishers_.back()->wire.hold_pongs();
        seen_by_queue_[i].resize(per_publisher_);
    }
}

void Verification::fill(uint64_t index) {
    Publisher* publisher = publishers_[index].get();
    publisher->batch.clear();
    publisher->offset = 0;
    while (publisher->batch.size() < kBatchBytes && publisher->next < per_publisher_) {
        const size_t size = payload_size(index, publisher->next);
        fmt::format_to(std::back_inserter(publisher->batch), "PUB verify.{} {}\r\n", index, size);
        const uint64_t stamp = index << kStampNumberBits | publisher->next;
        publisher->batch.append(reinterpret_cast<const char*>(&stamp), kStampBytes);
        publisher->batch.append(pattern_, kStampBytes, size - kStampBytes);
        publisher->batch += "\r\n";
        ++publisher->next;
        ++published_;
    }
}

bool Verification::publish(uint64_t index) {
    Publisher* publisher = publishers_[index].get();
    if (!publisher->wire.writable) return false;
    if (publisher->offset == publisher->batch.size()) {
        const uint64_t under_way = published_ * kCopies - delivered_;
        if (under_way * kMessageBytesMean > options_.window_bytes) return false;
        if (publisher->next == per_publisher_) return false;
        publisher->wire.pay_pongs();
        fill(index);
    }
    const size_t sent =
        publisher->wire.send_some(std::string_view(publisher->batch).substr(publisher->offset));
    publisher->offset += sent;
    return sent != 0;
}

bool Verification::open_stamp(const Delivery& delivery, uint64_t* publisher, uint64_t* number) {
    ++delivered_;
    uint64_t stamp = 0;
    if (delivery.payload.size() < kStampBytes) {
        complain("a payload of {} bytes", delivery.payload.size());
        return false;
    }
    std::memcpy(&stamp, delivery.payload.data(), kStampBytes);
    *publisher = stamp >> kStampNumberBits;
    *number = stamp & ((uint64_t{1} << kStampNumberBits) - 1);
    const bool known = *publisher < kPublishers && *number < per_publisher_;
    const size_t size = known ? payload_size(*publisher, *number) : 0;
    const bool whole = delivery.payload.size() == size &&
                       std::string_view(pattern_).substr(kStampBytes, size - kStampBytes) ==
                           delivery.payload.substr(kStampBytes);
    const bool right_subject = delivery.subject.back() == static_cast<char>('0' + *publisher);
    if (!whole || !right_subject) complain("message {}/{} is damaged", *publisher, *number);
    return whole && right_subject;
}

void Verification::check_plain(uint32_t subscriber, const Delivery& delivery) {
    uint64_t publisher = 0;
    uint64_t number = 0;
    if (!open_stamp(delivery, &publisher, &number)) return;
    const bool literal = delivery.sid == "1";
    if (publisher != (literal ? subscriber : (subscriber + 1) % kPublishers)) {
        complain("subscriber {} sid {}: got a message of publisher {}", subscriber, delivery.sid,
                 publisher);
        return;
    }
    uint64_t& next = subscribers_[subscriber]->next[publisher];
    if (number != next) {
        complain("subscriber {} publisher {}: expected {}, got {}", subscriber, publisher, next,
                 number);
    }
    next = number + 1;
}

void Verification::check_member(uint32_t member, const Delivery& delivery) {
    uint64_t publisher = 0;
    uint64_t number = 0;
    if (!open_stamp(delivery, &publisher, &number)) return;
    uint64_t& next = members_[member]->next[publisher];
    if (number < next) {
        complain("member {} publisher {}: {} after {}", member, publisher, number, next - 1);
    }
    next = number + 1;
    if (seen_by_queue_[publisher][number]) complain("queue: {}/{} twice", publisher, number);
    seen_by_queue_[publisher][number] = true;
}

bool Verification::collect() {
    const uint64_t before = delivered_;
    for (uint32_t i = 0; i < kPublishers; ++i) {
        Wire* wire = &publishers_[i]->wire;
        if (wire->readable) wire->receive([](const Delivery&) {});
        wire = &subscribers_[i]->wire;
        if (!wire->readable) continue;
        wire->receive([this, i](const Delivery& delivery) { check_plain(i, delivery); });
    }
    for (uint32_t i = 0; i < kMembers; ++i) {
        Wire* wire = &members_[i]->wire;
        if (!wire->readable) continue;
        wire->receive([this, i](const Delivery& delivery) { check_member(i, delivery); });
    }
    return delivered_ != before;
}

void Verification::check_totals(Result* result) {
    const uint64_t expected = per_publisher_ * kPublishers * kCopies;
    if (delivered_ != expected) complain("{} deliveries, expected {}", delivered_, expected);
    for (uint32_t i = 0; i < kPublishers; ++i) {
        for (const uint32_t publisher : {i, (i + 1) % kPublishers}) {
            const uint64_t next = subscribers_[i]->next[publisher];
            if (next != per_publisher_)
                complain("subscriber {}: {}/{} is the last", i, publisher, next);
        }
        for (uint64_t number = 0; number < per_publisher_; ++number) {
            if (!seen_by_queue_[i][number]) complain("queue: {}/{} is lost", i, number);
        }
    }
    if (complaints_ != 0) result->invalidate(fmt::format("{} faults", complaints_));
}

void Verification::run(Result* result) {
    const Meter meter(options_.server_pids);
    const Meter::Sample from = meter.sample();
    const uint64_t expected = per_publisher_ * kPublishers * kCopies;
    uint64_t progress_ns = now_ns();
    while (delivered_ < expected) {
        bool progress = false;
        for (uint64_t i = 0; i < kPublishers; ++i) progress |= publish(i);
        if (collect()) {
            progress = true;
            progress_ns = now_ns();
        } else if (now_ns() > progress_ns + kVerifyPatienceNs) {
            break;
        }
        poller_.wait(progress ? 0 : 10);
    }
    Meter::fill(from, meter.sample(), result);
    result->messages = delivered_;
    result->rss_bytes = meter.rss_bytes();
    // What comes now would be a duplicate: a round trip on every connection brings it out.
    for (uint32_t i = 0; i < kPublishers; ++i) {
        if (subscribers_[i]->wire.closed()) continue;
        subscribers_[i]->wire.flush(
            [this, i](const Delivery& delivery) { check_plain(i, delivery); });
    }
    for (uint32_t i = 0; i < kMembers; ++i) {
        if (members_[i]->wire.closed()) continue;
        members_[i]->wire.flush([this, i](const Delivery& delivery) { check_member(i, delivery); });
    }
    check_totals(result);
}

}  // namespace

Result run_verify(const Options& options, const Shape&) {
    Result result;
    Verification(options).run(&result);
    return result;
}

}  // namespace nuring::bench

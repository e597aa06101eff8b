// SPDX-License-Identifier: Apache-2.0
// Scenarios with a fixed schedule of sends, for tools/latency. Message k is due at start + k / rate, whatever
// became of the messages before it, and its latency counts from then on. A server that stands still for a
// second thus makes all messages late that were due in that second, as its users see it. A generator that
// waits for an answer before it sends the next message would count that second once ("coordinated omission").
#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "bench/load/clock.h"
#include "bench/load/fatal.h"
#include "bench/load/frames.h"
#include "bench/load/link_interest.h"
#include "bench/load/meter.h"
#include "bench/load/placement.h"
#include "bench/load/poller.h"
#include "bench/load/scenario.h"

namespace nuring::bench {
namespace {

constexpr double kRatePerSecond = 1000;
constexpr uint32_t kNumberBytes = sizeof(uint64_t);
constexpr uint64_t kSilenceLimitNs = 10 * kNsPerSecond;
constexpr uint64_t kBurstMax = 64;  // sends between two looks at what has arrived
constexpr uint64_t kLeadNs = kNsPerMs;  // from the end of set-up to the first message

// An end sends without waiting: a server that does not read delays its own messages alone.
struct End {
    Wire wire;
    std::string backlog;  // at most what the schedule has for this end

    void send(std::string_view bytes) {
        if (backlog.empty()) bytes.remove_prefix(wire.send_some(bytes));
        backlog += bytes;
    }
    void flush() {
        if (!backlog.empty() && wire.writable) backlog.erase(0, wire.send_some(backlog));
    }
};

// A lane is a publisher with its subscriber, or a requester, who receives on the same connection.
struct Lane {
    End sender;
    Wire subscriber;
    std::string frame;
    uint64_t expected = 0;  // number of the message that comes next
};

class ScheduledLoad {
  public:
    ScheduledLoad(const Options& options, const Shape& shape, bool requests);
    void run(Result* result);

  private:
    uint64_t due_ns(uint64_t number) const {
        return start_ns_ + static_cast<uint64_t>(static_cast<double>(number) * step_ns_);
    }
    void open_pair(Lane* lane, uint32_t index);
    void open_requester(Lane* lane, uint32_t index);
    void send_due();
    void collect(Result* result);
    void answer();
    void take(Lane* lane, const Delivery& delivery, Result* result);
    void fill(const Meter& meter, const Meter::Sample& from, Result* result) const;

    const Options& options_;
    const bool requests_;
    Placement placement_;
    Poller poller_;
    std::vector<std::unique_ptr<Lane>> lanes_;
    End service_;
    std::string payload_;
    const double step_ns_;
    uint64_t warmup_ = 0;  // messages that are not measured
    uint64_t total_ = 0;
    uint64_t start_ns_ = 0;
    uint64_t sent_ = 0;
    uint64_t received_ = 0;
    Histogram latency_;
    Histogram own_delay_;  // how long after it was due the generator sent a message
};

ScheduledLoad::ScheduledLoad(const Options& options, const Shape& shape, bool requests)
    : options_(options),
      requests_(requests),
      placement_(options),
      payload_(make_payload(options.payload_size != 0 ? options.payload_size : shape.payload_size)),
      step_ns_(1e9 / (options.rate > 0 ? options.rate : kRatePerSecond)) {
    if (payload_.size() < kNumberBytes) fatal("--size: at least {}", kNumberBytes);
    const auto messages = [this](double seconds) {
        return static_cast<uint64_t>(seconds * 1e9 / step_ns_ + 0.5);
    };
    warmup_ = options_.count != 0 ? 0 : messages(options_.warmup_seconds);
    total_ = options_.count != 0 ? options_.count : warmup_ + messages(options_.seconds);
    if (total_ == warmup_) fatal("not one message in {} s at this rate", options_.seconds);
    if (requests_) {
        placement_.open_receiver(&service_.wire, 0);
        service_.wire.send_all("SUB load.service 1\r\n");
        service_.wire.flush();
        poller_.add(&service_.wire);
    }
    const uint32_t count = options_.connections != 0 ? options_.connections : shape.publishers;
    for (uint32_t i = 0; i < count; ++i) {
        auto lane = std::make_unique<Lane>();
        lane->expected = i;
        requests_ ? open_requester(lane.get(), i) : open_pair(lane.get(), i);
        poller_.add(&lane->sender.wire);
        lanes_.push_back(std::move(lane));
    }
    if (requests_ && options_.far_port != 0) {
        Wire* const service = &service_.wire;
        for (const auto& lane : lanes_) {
            Wire* const requester = &lane->sender.wire;
            await_interest(requester, {&service, 1});
            await_interest(service, {&requester, 1});
        }
    }
}

void ScheduledLoad::open_pair(Lane* lane, uint32_t index) {
    const std::string subject = fmt::format("load.pair.{:05}", index);
    Wire* const subscriber = &lane->subscriber;
    Wire* const publisher = &lane->sender.wire;
    if (options_.relay) {
        subscriber->open_relay(options_.endpoint, 'S', index);
        publisher->open_relay(options_.endpoint, 'P', index);
        lane->frame = message_frame(subject, "1", "", payload_);
    } else {
        placement_.open_receiver(subscriber, index);
        subscriber->send_all(fmt::format("SUB {} 1\r\n", subject));
        subscriber->flush();
        placement_.open_publisher(publisher, index);
        if (options_.far_port != 0) await_interest(publisher, {&subscriber, 1});
        lane->frame = publish_frame(subject, "", payload_);
    }
    poller_.add(subscriber);
}

void ScheduledLoad::open_requester(Lane* lane, uint32_t index) {
    const std::string inbox = fmt::format("_INBOX.load.{:05}", index);
    placement_.open_publisher(&lane->sender.wire, 0);
    lane->sender.wire.send_all(fmt::format("SUB {} 1\r\n", inbox));
    lane->sender.wire.flush();
    lane->frame = publish_frame("load.service", inbox, payload_);
}

void ScheduledLoad::send_due() {
    for (uint64_t i = 0; i < kBurstMax && sent_ < total_; ++i) {
        const uint64_t due = due_ns(sent_);
        const uint64_t now = now_ns();
        if (now < due) return;
        Lane* lane = lanes_[sent_ % lanes_.size()].get();
        std::memcpy(lane->frame.data() + lane->frame.size() - 2 - payload_.size(), &sent_,
                    kNumberBytes);
        lane->sender.send(lane->frame);
        if (sent_ >= warmup_) own_delay_.add(now - due);
        ++sent_;
    }
}

// The answer is what was asked, so it carries the number, too.
void ScheduledLoad::answer() {
    while (service_.wire.readable) {
        std::string answers;
        service_.wire.receive([&](const Delivery& request) {
            answers += publish_frame(request.reply, "", request.payload);
        });
        if (!answers.empty()) service_.send(answers);
    }
    service_.flush();
}

void ScheduledLoad::take(Lane* lane, const Delivery& delivery, Result* result) {
    const uint64_t now = now_ns();
    uint64_t number = 0;
    if (delivery.payload.size() != payload_.size()) {
        result->invalidate(fmt::format("{} bytes instead of {}", delivery.payload.size(), payload_.size()));
        return;
    }
    std::memcpy(&number, delivery.payload.data(), kNumberBytes);
    if (number != lane->expected)
        result->invalidate(fmt::format("message {} instead of {}", number, lane->expected));
    lane->expected = number + lanes_.size();
    ++received_;
    if (number >= warmup_ && number < sent_) latency_.add(now - due_ns(number));
}

void ScheduledLoad::collect(Result* result) {
    if (requests_) answer();
    for (const auto& lane : lanes_) {
        Wire* const publisher = &lane->sender.wire;
        Wire* const receiver = requests_ ? publisher : &lane->subscriber;
        while (receiver->readable)
            receiver->receive([&](const Delivery& delivery) { take(lane.get(), delivery, result); });
        if (publisher->readable) publisher->receive([](const Delivery&) {});
        lane->sender.flush();
        for (const Wire* wire : {publisher, receiver}) {
            if (wire->closed() || !wire->error().empty())
                result->invalidate(fmt::format("the server closed a connection {}", wire->error()));
        }
    }
}

void ScheduledLoad::fill(const Meter& meter, const Meter::Sample& from, Result* result) const {
    Meter::fill(from, meter.sample(), result);
    result->messages = received_;
    result->rss_bytes = meter.rss_bytes();
    result->latency = latency_;
    const auto us = [](uint64_t ns) { return static_cast<double>(ns) / 1e3; };
    result->figures.emplace_back("own_delay_p99_us", us(own_delay_.quantile_ns(0.99)));
    result->figures.emplace_back("own_delay_max_us", us(own_delay_.max_ns()));
}

// The meter covers the warm-up, too: to read it in between would delay a message.
void ScheduledLoad::run(Result* result) {
    placement_.begin();
    const Meter meter(options_.server_pids);
    const Meter::Sample from = meter.sample();
    start_ns_ = now_ns() + kLeadNs;
    uint64_t seen = 0;
    uint64_t seen_ns = start_ns_;
    while (received_ < total_ && result->valid) {
        send_due();
        const uint64_t now = now_ns();
        const uint64_t next_ns = sent_ < total_ ? due_ns(sent_) : now + kNsPerSecond;
        const uint64_t rest_ms = next_ns > now ? (next_ns - now) / kNsPerMs : 0;
        // A wait of whole milliseconds ends before the next message is due.
        if (poller_.wait(options_.spin ? 0 : static_cast<int>(rest_ms)) > 0) collect(result);
        if (received_ != seen || sent_ == received_) {
            seen = received_;
            seen_ns = now;
        } else if (now > seen_ns + kSilenceLimitNs) {
            result->invalidate(fmt::format("{} sent, {} arrived", sent_, received_));
        }
    }
    fill(meter, from, result);
    placement_.check(sent_, result);
}

}  // namespace

Result run_scheduled_pairs(const Options& options, const Shape& shape) {
    Result result;
    ScheduledLoad(options, shape, false).run(&result);
    return result;
}

Result run_scheduled_requests(const Options& options, const Shape& shape) {
    Result result;
    ScheduledLoad(options, shape, true).run(&result);
    return result;
}

}  // namespace nuring::bench

// SPDX-License-Identifier: Apache-2.0
// Scenarios that look at one message at a time: request-reply, and pairs at a fixed pace.
#include <charconv>
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

constexpr uint64_t kLossAfterNs = 10 * kNsPerSecond;
constexpr double kPacedPerSecond = 50'000;

uint64_t span_ns(double seconds) {
    return static_cast<uint64_t>(seconds * 1e9);
}

// Stopwatch drives warm-up, measurement and end of a latency scenario.
class Stopwatch {
  public:
    explicit Stopwatch(const Options& options)
        : meter_(options.server_pids), counted_(options.count != 0), now_ns_(now_ns()) {
        measure_from_ns_ = now_ns_ + (counted_ ? 0 : span_ns(options.warmup_seconds));
        measure_to_ns_ = counted_ ? UINT64_MAX : measure_from_ns_ + span_ns(options.seconds);
        count_ = options.count;
        from_ = meter_.sample();
    }

    // Reads the clock; false when the measured time is over. `done` counts finished messages.
    bool running(uint64_t done, Histogram* latency) {
        now_ns_ = now_ns();
        if (!measuring_ && now_ns_ >= measure_from_ns_) {
            measuring_ = true;
            latency->clear();
            from_ = meter_.sample();
            done_from_ = done;
        }
        return counted_ ? done < count_ : now_ns_ < measure_to_ns_;
    }

    void finish(uint64_t done, Result* result) const {
        Meter::fill(from_, meter_.sample(), result);
        result->messages = done - done_from_;
        result->rss_bytes = meter_.rss_bytes();
    }

    uint64_t clock_ns() const { return now_ns_; }

  private:
    Meter meter_;
    Meter::Sample from_;
    bool counted_;
    bool measuring_ = false;
    uint64_t count_ = 0;
    uint64_t done_from_ = 0;
    uint64_t now_ns_;
    uint64_t measure_from_ns_;
    uint64_t measure_to_ns_;
};

// A requester has one request under way at a time.
struct Requester {
    Wire wire;
    std::string frame;
    uint64_t sent_ns = 0;
    uint64_t answered = 0;
};

class RequestReply {
  public:
    RequestReply(const Options& options, const Shape& shape);
    void run(Result* result);

  private:
    void connect_ends();  // the linked servers know each other's subscriptions
    void answer();
    void ask(Requester* requester);
    void collect();

    const Options& options_;
    Placement placement_;
    Poller poller_;
    Wire responder_;
    std::vector<std::unique_ptr<Requester>> requesters_;
    std::string payload_;
    std::string answers_;
    bool stopping_ = false;
    uint64_t answered_ = 0;
    uint64_t under_way_ = 0;
    Histogram latency_;
};

RequestReply::RequestReply(const Options& options, const Shape& shape)
    : options_(options), placement_(options), payload_(make_payload(shape.payload_size)) {
    if (options_.relay) {
        responder_.open_relay(options_.endpoint, 'B', 0);
    } else {
        placement_.open_receiver(&responder_, 0);
        responder_.send_all("SUB load.service 1\r\n");
        responder_.flush();
    }
    poller_.add(&responder_);
    for (uint32_t i = 0; i < shape.publishers; ++i) {
        auto requester = std::make_unique<Requester>();
        const std::string inbox = fmt::format("_INBOX.load.{:04}", i);
        if (options_.relay) {
            requester->wire.open_relay(options_.endpoint, 'B', 0);
            requester->frame = message_frame("load.service", "1", inbox, payload_);
        } else {
            placement_.open_publisher(&requester->wire, 0);
            requester->wire.send_all(fmt::format("SUB {} 1\r\n", inbox));
            requester->wire.flush();
            requester->frame = publish_frame("load.service", inbox, payload_);
        }
        poller_.add(&requester->wire);
        requesters_.push_back(std::move(requester));
    }
    if (options_.far_port != 0) connect_ends();
}

void RequestReply::connect_ends() {
    std::vector<Wire*> askers;
    for (const auto& requester : requesters_) askers.push_back(&requester->wire);
    await_interest(&responder_, askers);
    Wire* const responder = &responder_;
    await_interest(askers.front(), {&responder, 1});
}

void RequestReply::answer() {
    answers_.clear();
    responder_.receive([&](const Delivery& request) {
        answers_ += options_.relay ? message_frame(request.reply, "1", "", payload_)
                                   : publish_frame(request.reply, "", payload_);
    });
    if (!answers_.empty()) responder_.send_all(answers_);
}

void RequestReply::ask(Requester* requester) {
    if (stopping_) return;
    requester->sent_ns = now_ns();
    requester->wire.send_all(requester->frame);
    ++under_way_;
}

void RequestReply::collect() {
    if (responder_.readable) answer();
    for (const auto& requester : requesters_) {
        if (!requester->wire.readable) continue;
        const uint64_t count = requester->wire.receive([](const Delivery&) {});
        if (count == 0) continue;
        if (count != 1) fatal("one request, {} replies", count);
        latency_.add(now_ns() - requester->sent_ns);
        ++requester->answered;
        ++answered_;
        --under_way_;
        ask(requester.get());
    }
}

void RequestReply::run(Result* result) {
    placement_.begin();
    for (const auto& requester : requesters_) ask(requester.get());
    Stopwatch watch(options_);
    const int timeout_ms = options_.spin ? 0 : 100;
    uint64_t seen = 0;
    uint64_t seen_ns = now_ns();
    while (watch.running(answered_, &latency_)) {
        poller_.wait(timeout_ms);
        collect();
        if (answered_ != seen) {
            seen = answered_;
            seen_ns = watch.clock_ns();
        } else if (watch.clock_ns() > seen_ns + kLossAfterNs) {
            break;
        }
    }
    watch.finish(answered_, result);
    result->latency = latency_;
    stopping_ = true;
    const uint64_t deadline = now_ns() + kLossAfterNs;
    while (under_way_ != 0 && now_ns() < deadline) {
        poller_.wait(10);
        collect();
    }
    placement_.check(answered_, result);
    if (under_way_ != 0) result->invalidate(fmt::format("{} requests unanswered", under_way_));
}

// A pair's publisher writes the time of sending into the payload; the generator has one clock.
struct Pair {
    Wire publisher;
    Wire subscriber;
    std::string frame;
    uint64_t sent = 0;
    uint64_t received = 0;
};

class PacedPairs {
  public:
    PacedPairs(const Options& options, const Shape& shape);
    void run(Result* result);

  private:
    void publish(Pair* pair, uint64_t clock_ns);
    void collect(Pair* pair);

    const Options& options_;
    Placement placement_;
    Poller poller_;
    std::vector<std::unique_ptr<Pair>> pairs_;
    size_t payload_size_;
    uint64_t sent_ = 0;
    uint64_t received_ = 0;
    Histogram latency_;
};

PacedPairs::PacedPairs(const Options& options, const Shape& shape)
    : options_(options), placement_(options), payload_size_(shape.payload_size) {
    const std::string payload = make_payload(shape.payload_size);
    for (uint32_t i = 0; i < shape.publishers; ++i) {
        auto pair = std::make_unique<Pair>();
        const std::string subject = fmt::format("load.pair.{:03}", i);
        if (options_.relay) {
            pair->subscriber.open_relay(options_.endpoint, 'S', i);
            pair->publisher.open_relay(options_.endpoint, 'P', i);
            pair->frame = message_frame(subject, "1", "", payload);
        } else {
            placement_.open_receiver(&pair->subscriber, i);
            pair->subscriber.send_all(fmt::format("SUB {} 1\r\n", subject));
            pair->subscriber.flush();
            placement_.open_publisher(&pair->publisher, i);
            Wire* const subscriber = &pair->subscriber;
            if (options_.far_port != 0) await_interest(&pair->publisher, {&subscriber, 1});
            pair->frame = publish_frame(subject, "", payload);
        }
        poller_.add(&pair->publisher);
        poller_.add(&pair->subscriber);
        pairs_.push_back(std::move(pair));
    }
}

void PacedPairs::publish(Pair* pair, uint64_t clock_ns) {
    std::memcpy(pair->frame.data() + pair->frame.size() - 2 - payload_size_, &clock_ns,
                sizeof clock_ns);
    pair->publisher.send_all(pair->frame);
    ++pair->sent;
    ++sent_;
}

void PacedPairs::collect(Pair* pair) {
    if (pair->publisher.readable) pair->publisher.receive([](const Delivery&) {});
    if (!pair->subscriber.readable) return;
    pair->received += pair->subscriber.receive([&](const Delivery& delivery) {
        uint64_t sent_ns = 0;
        std::memcpy(&sent_ns, delivery.payload.data(), sizeof sent_ns);
        latency_.add(now_ns() - sent_ns);
        ++received_;
    });
}

void PacedPairs::run(Result* result) {
    placement_.begin();
    Stopwatch watch(options_);
    const double step_ns = 1e9 / kPacedPerSecond;
    uint64_t start_ns = now_ns();
    uint64_t late = 0;
    size_t next = 0;
    uint64_t seen = 0;
    uint64_t seen_ns = start_ns;
    while (watch.running(received_, &latency_)) {
        const uint64_t due_ns =
            start_ns + static_cast<uint64_t>(static_cast<double>(sent_) * step_ns);
        const bool all_sent = options_.count != 0 && sent_ >= options_.count;
        if (watch.clock_ns() >= due_ns && !all_sent) {
            // After a stall of the generator itself the schedule moves: a burst to catch up would
            // measure the stall, not the server.
            if (watch.clock_ns() > due_ns + kNsPerMs) {
                ++late;
                start_ns += watch.clock_ns() - due_ns;
            }
            publish(pairs_[next].get(), watch.clock_ns());
            next = (next + 1) % pairs_.size();
        }
        // Whatever stands in the event belongs to a pair whose flags are now set.
        if (poller_.wait(0) > 0) {
            for (const auto& pair : pairs_) collect(pair.get());
        }
        if (received_ != seen) {
            seen = received_;
            seen_ns = watch.clock_ns();
        } else if (watch.clock_ns() > seen_ns + kLossAfterNs) {
            break;
        }
    }
    watch.finish(received_, result);
    result->latency = latency_;
    result->figures.emplace_back("late_sends", static_cast<double>(late));
    const uint64_t deadline = now_ns() + kLossAfterNs;
    while (received_ < sent_ && now_ns() < deadline) {
        poller_.wait(10);
        for (const auto& pair : pairs_) collect(pair.get());
    }
    placement_.check(sent_, result);
    if (received_ != sent_) {
        result->invalidate(fmt::format("{} sent, {} arrived", sent_, received_));
    }
}

}  // namespace

Result run_request_reply(const Options& options, const Shape& shape) {
    Result result;
    RequestReply(options, shape).run(&result);
    return result;
}

Result run_paced_pairs(const Options& options, const Shape& shape) {
    Result result;
    PacedPairs(options, shape).run(&result);
    return result;
}

}  // namespace nuring::bench

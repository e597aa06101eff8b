// SPDX-License-Identifier: Apache-2.0
// Scenarios about subscriptions: very many, very short-lived, and whether UNSUB means it.
#include <algorithm>
#include <charconv>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include "bench/load/fatal.h"
#include "bench/load/flow.h"
#include "bench/load/scenario.h"

namespace nuring::bench {
namespace {

// So that all sids of a run have the same number of digits, and all subjects, too.
constexpr uint32_t kFirstSid = 1'000'000;
constexpr uint32_t kFirstLongSid = 10'000'000;
constexpr uint32_t kSubjectsMax = 10'000'000;
constexpr uint32_t kSubjectsPerSend = 100'000;     // a slow server needs a second for them
constexpr uint32_t kSubjectsMessaged = 1'000'000;  // frames for more would fill the memory
constexpr uint32_t kSubscriptionShuffleSeed = 20190604;

constexpr uint64_t kMessagesPerPair = 4;
constexpr uint64_t kPairsPerBatch = 500;
constexpr uint64_t kChurnSlackMessages = 1 << 16;

constexpr uint32_t kUnsubscribers = 4;
constexpr size_t kUnsubWindowBytes = 1 << 20;  // short queues: more UNSUBs per second

Flow::LanePlan lane_plan(const Options& options, std::vector<std::string> subjects,
                         std::string_view sid, size_t payload_size) {
    Flow::LanePlan plan;
    plan.message_frame_size =
        message_frame(subjects[0], sid, "", make_payload(payload_size)).size();
    plan.batch.subjects = std::move(subjects);
    plan.batch.payload_size = payload_size;
    plan.batch.bytes_wanted = options.chunk_bytes;
    return plan;
}

}  // namespace

// Loads the subscriptions on one connection, each by its own SUB, then publishes over all of them in random
// order; of more than a million, over a million that are spread evenly. Reported beside the usual: CPU time
// and memory that the server spends on each.
Result run_many_subscriptions(const Options& options, const Shape& shape) {
    Wire subscriber;
    Wire publisher;
    subscriber.open(options.endpoint);
    publisher.open(options.endpoint);
    const uint32_t total = options.subjects != 0 ? options.subjects : shape.subjects;
    if (total > kSubjectsMax) fatal("--subjects: at most {}", kSubjectsMax);
    const uint32_t first_sid = total <= kSubjectsMessaged ? kFirstSid : kFirstLongSid;
    const uint32_t stride = (total + kSubjectsMessaged - 1) / kSubjectsMessaged;
    std::vector<std::string> subjects;
    subjects.reserve(total / stride + 1);
    Result result;
    const Meter meter(options.server_pids);
    const uint64_t rss_before = meter.rss_bytes();
    const Meter::Sample before = meter.sample();
    for (uint32_t from = 0; from < total; from += kSubjectsPerSend) {
        std::string lines;
        for (uint32_t i = from; i < std::min(total, from + kSubjectsPerSend); ++i) {
            const std::string subject = fmt::format("load.{:07}", i);
            fmt::format_to(std::back_inserter(lines), "SUB {} {}\r\n", subject, first_sid + i);
            if (i % stride == 0) subjects.push_back(subject);
        }
        subscriber.send_all(lines);
        subscriber.flush();
        if (subscriber.closed()) fatal("the server closed the connection after {} SUBs", from);
    }
    Meter::fill(before, meter.sample(), &result);
    const uint64_t rss_after = meter.rss_bytes();
    const double count = total;
    result.figures.emplace_back("load_ns_per_sub", result.server_cpu_ns / count);
    result.figures.emplace_back("load_wall_ns_per_sub", result.seconds * 1e9 / count);
    result.figures.emplace_back(
        "bytes_per_sub", static_cast<double>(rss_after - std::min(rss_after, rss_before)) / count);

    std::shuffle(subjects.begin(), subjects.end(), std::mt19937(kSubscriptionShuffleSeed));
    Flow flow(options);
    Flow::LanePlan plan =
        lane_plan(options, std::move(subjects), std::to_string(first_sid), shape.payload_size);
    plan.receivers = {&subscriber};
    flow.add_lane(&publisher, plan);
    flow.run(&result);
    return result;
}

namespace {

// Churn adds and removes subscriptions on its own connection, in step with the traffic, so that
// the cost per message means the same for a fast server and for a slow one.
class Churn {
  public:
    Churn(const Endpoint& endpoint, Flow* flow) : flow_(flow) {
        wire_.open(endpoint);
        flow_->poller()->add(&wire_);
        first_pong_ = wire_.pongs();
        // Half of the subjects share the first token with the traffic.
        for (uint64_t i = 0; i < kPairsPerBatch; ++i) {
            fmt::format_to(std::back_inserter(batch_), "SUB {}.{} {}\r\nUNSUB {}\r\n",
                           i % 2 == 0 ? "storm" : "load.storm", i, i + 1, i + 1);
        }
        batch_ += "PING\r\n";
    }

    bool step() {
        bool progress = false;
        if (wire_.readable) {
            wire_.receive([](const Delivery&) {});
            progress = true;
        }
        const bool ahead =
            pairs_sent() * kMessagesPerPair > flow_->delivered() + kChurnSlackMessages;
        if (sent_ < done() + 2 && !ahead) {
            wire_.send_all(batch_);
            ++sent_;
            progress = true;
        }
        flow_->publishing =
            flow_->published() <= pairs_done() * kMessagesPerPair + kChurnSlackMessages;
        return progress;
    }

    uint64_t pairs_done() const { return done() * kPairsPerBatch; }
    bool broken() const { return wire_.closed() || !wire_.error().empty(); }

  private:
    uint64_t done() const { return wire_.pongs() - first_pong_; }
    uint64_t pairs_sent() const { return sent_ * kPairsPerBatch; }

    Flow* flow_;
    Wire wire_;
    std::string batch_;
    uint64_t first_pong_ = 0;
    uint64_t sent_ = 0;
};

}  // namespace

Result run_churn(const Options& options, const Shape& shape) {
    Wire subscriber;
    Wire publisher;
    subscriber.open(options.endpoint);
    subscriber.send_all("SUB load.0 1\r\n");
    subscriber.flush();
    publisher.open(options.endpoint);
    Flow flow(options);
    Flow::LanePlan plan = lane_plan(options, {"load.0"}, "1", shape.payload_size);
    plan.receivers = {&subscriber};
    flow.add_lane(&publisher, plan);
    Churn churn(options.endpoint, &flow);
    Result result;
    flow.run([&churn] { return churn.step(); }, &result);
    if (churn.broken()) result.invalidate("the server closed the churning connection");
    result.figures.emplace_back("pairs_total", static_cast<double>(churn.pairs_done()));
    return result;
}

namespace {

// Unsubscriber subscribes, waits for a message, unsubscribes, waits for the PONG behind it, and so
// on with a new sid each time. The n-th PONG acknowledges the n-th UNSUB; a message of sid n that
// stands behind it in the stream is late.
class Unsubscriber {
  public:
    Unsubscriber(const Endpoint& endpoint, Poller* poller) {
        wire_.open(endpoint);
        first_pong_ = wire_.pongs();
        poller->add(&wire_);
        subscribe();
    }

    bool step() {
        if (!wire_.readable) return false;
        wire_.receive([this](const Delivery& delivery) {
            uint64_t sid = 0;
            std::from_chars(delivery.sid.data(), delivery.sid.data() + delivery.sid.size(), sid);
            if (sid <= cycles()) ++late_;
            if (sid == sid_ && !leaving_) {
                leaving_ = true;
                wire_.send_all(fmt::format("UNSUB {}\r\nPING\r\n", sid_));
            }
        });
        if (leaving_ && cycles() == sid_) subscribe();
        return true;
    }

    uint64_t cycles() const { return wire_.pongs() - first_pong_; }
    uint64_t late() const { return late_; }
    bool broken() const { return wire_.closed() || !wire_.error().empty(); }

  private:
    void subscribe() {
        leaving_ = false;
        wire_.send_all(fmt::format("SUB load.0 {}\r\n", ++sid_));
    }

    Wire wire_;
    uint64_t first_pong_ = 0;
    uint64_t sid_ = 0;
    uint64_t late_ = 0;
    bool leaving_ = false;
};

}  // namespace

Result run_unsub_ack(const Options& options, const Shape& shape) {
    Wire subscriber;
    Wire publisher;
    subscriber.open(options.endpoint);
    subscriber.send_all("SUB load.0 1\r\n");
    subscriber.flush();
    publisher.open(options.endpoint);
    Options brisk = options;
    brisk.window_bytes = std::min(options.window_bytes, kUnsubWindowBytes);
    Flow flow(brisk);
    Flow::LanePlan plan = lane_plan(options, {"load.0"}, "1", shape.payload_size);
    plan.receivers = {&subscriber};
    flow.add_lane(&publisher, plan);
    std::vector<std::unique_ptr<Unsubscriber>> storm;
    for (uint32_t i = 0; i < kUnsubscribers; ++i) {
        storm.push_back(std::make_unique<Unsubscriber>(options.endpoint, flow.poller()));
    }
    Result result;
    flow.run(
        [&storm] {
            bool progress = false;
            for (const auto& member : storm) progress |= member->step();
            return progress;
        },
        &result);
    uint64_t late = 0;
    uint64_t cycles = 0;
    for (const auto& member : storm) {
        late += member->late();
        cycles += member->cycles();
        if (member->broken()) result.invalidate("the server closed an unsubscribing connection");
    }
    if (cycles == 0) result.invalidate("no UNSUB was acknowledged");
    result.figures.emplace_back("late_messages", static_cast<double>(late));
    result.figures.emplace_back("unsubs", static_cast<double>(cycles));
    return result;
}

}  // namespace nuring::bench

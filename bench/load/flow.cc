// SPDX-License-Identifier: Apache-2.0
#include "bench/load/flow.h"

#include <algorithm>
#include <cstring>

#include "bench/load/clock.h"
#include "bench/load/fatal.h"

namespace nuring::bench {
namespace {

constexpr size_t kMarksMax = 4096;
constexpr uint64_t kPatienceNs = 10 * kNsPerSecond;  // without any delivery

}  // namespace

void Flow::add_lane(Wire* publisher, const LanePlan& plan) {
    auto lane = std::make_unique<Lane>(Lane{
        .publisher = publisher,
        .batch = FrameBatch(plan.batch),
        .receivers = {},
        .message_frame_size = plan.message_frame_size,
        .copies = plan.shared || plan.receivers.empty() ? 1 : plan.receivers.size(),
        .number = lanes_.size(),
        .marks = {},
    });
    publisher->hold_pongs();
    poller_.add(publisher);
    lane->pongs_at_start = publisher->pongs();
    for (Wire* wire : plan.receivers) {
        poller_.add(wire);
        lane->receivers.push_back(Receiver{.wire = wire});
    }
    if (options_.verify && !lane->asks()) lane->batch.stamp(lane->number, 0);
    lanes_.push_back(std::move(lane));
}

uint64_t Flow::delivered() const {
    uint64_t sum = 0;
    for (const auto& lane : lanes_) sum += lane->delivered;
    return sum;
}

uint64_t Flow::published() const {
    uint64_t sum = 0;
    for (const auto& lane : lanes_) sum += lane->published();
    return sum;
}

// Bytes that the publisher may write now.
size_t Flow::room(const Lane& lane) const {
    const uint64_t window = options_.window_bytes / lanes_.size();
    if (lane.asks()) {
        const uint64_t acknowledged =
            (lane.publisher->pongs() - lane.pongs_at_start) * lane.batch.bytes().size();
        return window - std::min(window, lane.sent_bytes() - acknowledged);
    }
    const uint64_t under_way = lane.published() * lane.copies - lane.delivered;
    const uint64_t limit = window / lane.message_frame_size;
    if (under_way >= limit) return 0;
    return std::max<size_t>((limit - under_way) / lane.copies, 1) * lane.batch.frame_size();
}

bool Flow::pump(Lane* lane) {
    Wire* wire = lane->publisher;
    if (!wire->writable || wire->closed()) return false;
    const size_t inside = lane->offset % lane->batch.frame_size();
    const bool at_end = lane->asks() ? lane->offset == 0 : inside == 0;
    if (wire->owes_pong() && at_end) wire->pay_pongs();
    const uint64_t left = lane->stop_at - lane->sent_bytes();
    if (left == 0) return false;
    size_t size = room(*lane);
    const size_t full = options_.window_bytes / lanes_.size() / lane->copies;
    const size_t worthwhile = std::min(options_.chunk_bytes, full / 2) / 2;
    if (size == 0 || (size < worthwhile && size < left)) return false;
    // Up to a quarter more, so that no crumb of the batch is left for a send of its own.
    const size_t rest = lane->batch.bytes().size() - lane->offset;
    const size_t chunk = options_.chunk_bytes;
    size = std::min({size, rest <= chunk + chunk / 4 ? rest : chunk, rest});
    if (wire->owes_pong() && !lane->asks()) size = lane->batch.frame_size() - inside;
    size = static_cast<size_t>(std::min<uint64_t>(size, left));
    const size_t sent = wire->send_some(lane->batch.bytes().substr(lane->offset, size));
    after_send(lane, sent);
    return sent != 0;
}

void Flow::after_send(Lane* lane, size_t sent) {
    if (!lane->publisher->writable && lane->blocked_since_ns == 0) {
        lane->blocked_since_ns = clock_ns_;
    }
    if (sent == 0) return;
    lane->offset += sent;
    if (lane->offset == lane->batch.bytes().size()) {
        lane->offset = 0;
        ++lane->rounds;
        if (options_.verify && !lane->asks()) {
            lane->batch.stamp(lane->number, lane->rounds * lane->batch.messages());
        }
    }
    if (lane->number == 0 && lane->marks.size() < kMarksMax && !lane->asks()) {
        lane->marks.push_back(Mark{lane->published(), clock_ns_});
    }
}

// Receives with every number checked: each plain receiver sees each number once and in order; the
// members of a queue group see rising numbers, and all of them together each number once (sum).
uint64_t Flow::collect_checked(Lane* lane, Receiver* receiver) {
    return receiver->wire->receive([&](const Delivery& delivery) {
        uint64_t stamp = 0;
        if (delivery.payload.size() < kStampBytes) fatal("payload without a number");
        std::memcpy(&stamp, delivery.payload.data(), kStampBytes);
        const uint64_t number = stamp & ((uint64_t{1} << kStampNumberBits) - 1);
        const bool shared = lane->copies == 1 && lane->receivers.size() > 1;
        const bool fits =
            shared ? number >= receiver->next_number : number == receiver->next_number;
        if ((!fits || stamp >> kStampNumberBits != lane->number) && broken_.empty()) {
            broken_ = fmt::format("lane {}: expected message {}, got {} of lane {}", lane->number,
                                  receiver->next_number, number, stamp >> kStampNumberBits);
        }
        receiver->next_number = number + 1;
        lane->number_sum += number;
    });
}

bool Flow::collect(Lane* lane) {
    bool progress = false;
    if (lane->publisher->readable) {
        lane->publisher->receive([](const Delivery&) {});
        if (lane->asks()) {
            const uint64_t pongs = lane->publisher->pongs() - lane->pongs_at_start;
            lane->delivered = pongs * lane->batch.messages();
        }
        progress = true;
    }
    for (Receiver& receiver : lane->receivers) {
        if (!receiver.wire->readable) continue;
        const uint64_t count = options_.verify
                                   ? collect_checked(lane, &receiver)
                                   : receiver.wire->receive_fixed(lane->message_frame_size);
        receiver.messages += count;
        lane->delivered += count;
        if (count == 0) continue;
        progress = true;
        if (receiver.last_receive_ns != 0) {
            receiver_gap_max_ns_ =
                std::max(receiver_gap_max_ns_, clock_ns_ - receiver.last_receive_ns);
        }
        receiver.last_receive_ns = clock_ns_;
    }
    if (progress && lane->number == 0) settle_marks(lane);
    return progress;
}

void Flow::settle_marks(Lane* lane) {
    if (lane->marks.empty()) return;
    const uint64_t arrived = lane->copies == 1 ? lane->delivered : lane->receivers.front().messages;
    if (arrived < lane->marks.front().messages) return;
    const uint64_t now = now_ns();
    while (!lane->marks.empty() && lane->marks.front().messages <= arrived) {
        latency_.add(now - lane->marks.front().sent_ns);
        lane->marks.pop_front();
    }
}

bool Flow::round() {
    bool progress = false;
    clock_ns_ = now_ns();
    for (const auto& lane : lanes_) {
        if (lane->blocked_since_ns != 0 && lane->publisher->writable) {
            publisher_block_max_ns_ =
                std::max(publisher_block_max_ns_, clock_ns_ - lane->blocked_since_ns);
            lane->blocked_since_ns = 0;
        }
        if (publishing) progress |= pump(lane.get());
        progress |= collect(lane.get());
    }
    return progress;
}

// Counts what still lasts when the measured time ends.
void Flow::note_stalls() {
    for (const auto& lane : lanes_) {
        if (lane->blocked_since_ns != 0) {
            publisher_block_max_ns_ =
                std::max(publisher_block_max_ns_, clock_ns_ - lane->blocked_since_ns);
        }
        for (const Receiver& receiver : lane->receivers) {
            if (receiver.last_receive_ns == 0) continue;
            receiver_gap_max_ns_ =
                std::max(receiver_gap_max_ns_, clock_ns_ - receiver.last_receive_ns);
        }
    }
}

// Ends each stream at the next whole message (or, where the server is asked, batch).
void Flow::stop() {
    for (const auto& lane : lanes_) {
        const size_t unit = lane->asks() ? lane->batch.bytes().size() : lane->batch.frame_size();
        const uint64_t sent = lane->sent_bytes();
        lane->stop_at = std::min(lane->stop_at, (sent + unit - 1) / unit * unit);
    }
}

bool Flow::settled() const {
    for (const auto& lane : lanes_) {
        if (lane->sent_bytes() < lane->stop_at) return false;
        if (lane->delivered < lane->published() * lane->copies) return false;
    }
    return true;
}

// False when waiting for more is in vain: the server closed a connection or fell silent.
bool Flow::hopeful() {
    const uint64_t seen = delivered();
    if (seen != progress_seen_ || progress_seen_ns_ == 0) {
        progress_seen_ = seen;
        progress_seen_ns_ = clock_ns_;
    }
    if (clock_ns_ - progress_seen_ns_ > kPatienceNs) return false;
    return std::none_of(lanes_.begin(), lanes_.end(), [](const auto& lane) {
        return lane->publisher->closed() ||
               std::any_of(lane->receivers.begin(), lane->receivers.end(),
                           [](const Receiver& receiver) { return receiver.wire->closed(); });
    });
}

void Flow::drain(Result* result) {
    while (!settled()) {
        const bool progress = round();
        poller_.wait(progress ? 0 : 10);
        if (!progress && !hopeful()) break;
    }
    check(result);
}

void Flow::check(Result* result) const {
    if (!broken_.empty()) result->invalidate(broken_);
    for (const auto& lane : lanes_) {
        const uint64_t expected = lane->published() * lane->copies;
        if (lane->delivered != expected) {
            result->invalidate(fmt::format("lane {}: {} deliveries expected, {} arrived",
                                           lane->number, expected, lane->delivered));
        }
        const uint64_t published = lane->published();
        const bool shared = lane->copies == 1 && !lane->asks();
        if (options_.verify && shared && published > 0 &&
            lane->number_sum != published * (published - 1) / 2) {
            result->invalidate(fmt::format("lane {}: not each message once", lane->number));
        }
        for (const Receiver& receiver : lane->receivers) {
            if (receiver.wire->closed() || !receiver.wire->error().empty()) {
                result->invalidate("the server closed a receiver: " + receiver.wire->error());
            }
        }
        if (lane->publisher->closed() || !lane->publisher->error().empty()) {
            result->invalidate("the server closed a publisher: " + lane->publisher->error());
        }
    }
}

// With --count each lane publishes its share; where the server is asked, in whole batches.
void Flow::limit_to_count() {
    for (const auto& lane : lanes_) {
        const uint64_t share = std::max<uint64_t>(options_.count / lanes_.size(), 1);
        const uint64_t rounds = share / lane->batch.messages();
        const uint64_t rest = share % lane->batch.messages() * lane->batch.frame_size();
        const size_t size = lane->batch.bytes().size();
        lane->stop_at = lane->asks() ? std::max<uint64_t>(rounds, 1) * size : rounds * size + rest;
    }
}

void Flow::run(const std::function<bool()>& extra, Result* result) {
    const auto span = [](double seconds) { return static_cast<uint64_t>(seconds * 1e9); };
    const bool counted = options_.count != 0;
    if (counted) limit_to_count();
    const uint64_t start = now_ns();
    uint64_t measure_from = counted ? start : start + span(options_.warmup_seconds);
    uint64_t measure_to = counted ? UINT64_MAX : measure_from + span(options_.seconds);
    Meter::Sample from = meter_.sample();
    uint64_t delivered_from = 0;
    bool measuring = counted;
    while (clock_ns_ < measure_to && !(counted && settled())) {
        bool progress = round();
        progress |= extra();
        poller_.wait(progress || options_.spin ? 0 : 10);
        if (!measuring && clock_ns_ >= measure_from) {
            measuring = true;
            latency_.clear();
            publisher_block_max_ns_ = receiver_gap_max_ns_ = 0;
            from = meter_.sample();
            delivered_from = delivered();
        }
        if (!progress && !hopeful()) break;
    }
    Meter::fill(from, meter_.sample(), result);
    note_stalls();
    result->messages = delivered() - delivered_from;
    result->rss_bytes = meter_.rss_bytes();
    result->latency = latency_;
    publishing = true;
    stop();
    drain(result);
    if (result->messages == 0) result->invalidate("nothing was delivered");
}

}  // namespace nuring::bench

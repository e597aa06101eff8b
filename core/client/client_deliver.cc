// SPDX-License-Identifier: Apache-2.0
// Client, the way out: frames of the messages for its subscriptions.
#include "core/client/client.h"

#include <algorithm>
#include <cassert>
#include <memory>
#include <string>

#include "core/base/block_copy.h"
#include "core/delivery/delivery.h"
#include "core/delivery/frame_head.h"
#include "core/delivery/frame_pool.h"
#include "core/delivery/line_buffer.h"
#include "proto/encode_client.h"
#include "proto/jetstream.h"
#include "proto/tracked_reply.h"

namespace nuring::client {

bool Client::accepts(const interest::Subscription& subscription,
                     base::LinkHandle /*origin*/) const {
    return open() && !subscription.closed() &&
           (subscription.max == 0 || subscription.delivered < subscription.max);
}

uint32_t Client::deliver(interest::Subscription& subscription, const delivery::MessageRun& run,
                         base::LinkHandle /*origin*/) {
    if (!open() || subscription.closed()) return 0;
    constexpr uint8_t kSpecial = interest::Subscription::kFiltered | interest::Subscription::kNoted;
    if ((subscription.flags & kSpecial) != 0 && !takes_here(subscription, run)) [[unlikely]]
        return 0;
    if (run.is_jetstream) [[unlikely]]
        return deliver_jetstream(subscription, run);
    return append_run(subscription, run);
}

bool Client::takes_here(const interest::Subscription& subscription, const delivery::MessageRun& run) {
    if ((subscription.flags & interest::Subscription::kNoted) != 0) {
        const base::WorkerId matcher = host_.worker.matcher();
        if (departure_ != nullptr && !subscription.is_queue() && departure_->switched.contains(matcher))
            return false;  // the new worker gets it, too
        if (audience_.messages != 0) {
            audience_.messages += run.count;
            if (audience_.target == matcher) audience_.hits += run.count;
        }
    }
    const bool is_filtered = (subscription.flags & interest::Subscription::kFiltered) != 0;
    return !is_filtered || permissions_ == nullptr || permits_receive(subscription, run.subject);
}

// The client sees the subject of the stream, and acknowledges to the address before it.
uint32_t Client::deliver_jetstream(interest::Subscription& subscription,
                                   const delivery::MessageRun& run) {
    const proto::JetStreamReply names = proto::split_jetstream_reply(run.reply);
    assert(!names.ack.empty());
    delivery::FramePool::Loan frame(delivery_.frames);
    uint32_t count = 0;
    for (; count < run.count && open() && !subscription.closed(); ++count) {
        delivery::MessageParts parts = delivery::parts_of(run, count);
        parts.subject = names.subject;
        parts.reply = names.ack;
        delivery::MessageRun renamed = delivery::frame_message(parts, &frame.text());
        renamed.reply_origin = run.reply_origin;
        if (append_run(subscription, renamed) == 0) break;
    }
    return count;
}

uint32_t Client::append_run(interest::Subscription& subscription, const delivery::MessageRun& run) {
    if (permissions_ != nullptr && permissions_->responses().has_value() && !run.reply.empty())
        [[unlikely]] {
        note_reply(run.reply);
    }
    if (!run.reply_origin.empty()) [[unlikely]] {
        if (reply_origins_ == nullptr) reply_origins_ = std::make_unique<ReplyOrigins>();
        reply_origins_->note(run.reply, run.reply_origin, host_.ring.now_ns(), kOriginRemembered_ns);
    }
    if (proto::may_be_tracked(run.reply)) [[unlikely]] track_reply(run);
    uint32_t count = run.count;
    if (subscription.max != 0) {
        const uint64_t left = subscription.max - subscription.delivered;
        count = static_cast<uint32_t>(std::min<uint64_t>(count, left));
    }
    const bool strip = run.header_size != 0 && !connect_.headers;
    const std::string_view sid = subscription.sid();
    const uint64_t frame_size = delivery::head_size_max(subscription.sid(), run) + run.tail_size;
    bool slow = false;
    const bool is_watched = is_watched_with(count * frame_size);
    if (is_watched && !fits_pending(count * frame_size)) [[unlikely]] {
        const uint64_t pending = outbound_.pending_bytes();
        const uint64_t most = host_.limits().max_pending_bytes;
        count = static_cast<uint32_t>(pending < most ? (most - pending) / frame_size : 0);
        slow = true;
    }
    if (strip) {
        append_stripped(subscription, run, count);
    } else {
        append_frames(subscription, run, count);
    }
    subscription.delivered += count;
    count_out(count, strip ? run.body_size() : run.total_size);
    mark_dirty();
    if (is_watched && !slow) [[unlikely]]
        delivery_.stall_gate.note_backlog(*this);
    if (slow) [[unlikely]] {
        host_.close_slow_consumer(*this);
    } else if (subscription.max != 0 && subscription.delivered >= subscription.max) {
        host_.log.debug("{} - Auto-unsubscribe limit of {} reached for sid '{}'", label(),
                        subscription.max, sid);
        remove(&subscription);
    }
    return count;
}

void Client::append_frames(const interest::Subscription& subscription, const delivery::MessageRun& run,
                           uint32_t count) {
    if (run.block != 0 && append_shared(subscription, run, count)) return;
    const size_t size = delivery::head_size_max(subscription.sid(), run) + run.tail_size;
    char* const frame = count == 1 ? outbound_.begin_frame(size) : nullptr;
    if (frame == nullptr) return append_stamped(subscription, run, count);
    char* const tail = delivery::write_head(frame, subscription.sid(), run);
    if (host_.log.trace_enabled()) [[unlikely]]
        trace_out({frame, static_cast<size_t>(tail - frame)}, run);
    base::block_copy(tail, run.tail, run.tail_size);
    outbound_.advance(static_cast<size_t>(tail - frame) + run.tail_size);
}

// Frames that another subscriber has got, too. False: there are none for this sid.
bool Client::append_shared(const interest::Subscription& subscription, const delivery::MessageRun& run,
                           uint32_t count) {
    if (host_.log.trace_enabled()) return false;
    const std::string_view frames = delivery_.frame_block.frames_for(run, subscription.sid());
    if (frames.empty()) return false;
    assert(frames.size() % run.count == 0);
    outbound_.append(frames.substr(0, frames.size() / run.count * count));
    return true;
}

// The head is built once.
void Client::append_stamped(const interest::Subscription& subscription, const delivery::MessageRun& run,
                            uint32_t count) {
    delivery::LineBuffer head(delivery::head_size_max(subscription.sid(), run));
    const char* const end = delivery::write_head(head.data(), subscription.sid(), run);
    const std::string_view stamp(head.data(), static_cast<size_t>(end - head.data()));
    if (host_.log.trace_enabled()) [[unlikely]]
        trace_out(stamp, run);
    outbound_.append_frames(stamp, run.tails(), count);
}

bool Client::permits_receive(const interest::Subscription& subscription, std::string_view subject) {
    if (permissions_->denies_queues())
        return permissions_->may_receive(subject, subscription.queue());
    const auth::PermissionCache::Answer answer = receivable_.find(subject);
    if (answer != auth::PermissionCache::Answer::kUnknown) {
        return answer == auth::PermissionCache::Answer::kYes;
    }
    const bool may = permissions_->may_receive(subject, {});
    receivable_.remember(subject, may);
    return may;
}

// To a client without header support: the body alone, as a MSG.
void Client::append_stripped(interest::Subscription& subscription, const delivery::MessageRun& run,
                             uint32_t count) {
    const proto::MessageHead names{
        .subject = run.subject, .sid = subscription.sid(), .reply = run.reply};
    std::string head(proto::message_head_size_max(names), '\0');
    const char* end = proto::encode_msg_head(head.data(), names, run.body_size());
    head.resize(static_cast<size_t>(end - head.data()));
    append_bodies(head, run, count);
}

// allow_responses
void Client::note_reply(std::string_view reply) {
    if (responses_ == nullptr) {
        responses_ = std::make_unique<auth::ResponseTable>(*permissions_->responses());
    }
    responses_->note(reply, host_.ring.now_ns());
}

// A request that another server measures; what this one measures, it measures by itself.
void Client::track_reply(const delivery::MessageRun& run) {
    const std::string_view node = proto::tracking_node(run.reply);
    if (node.empty() || node == host_.facts.node_hash) return;
    const account::ServiceExport* exported = account_->exchange().find_export(run.subject);
    if (exported == nullptr || delivery_.latency_events() == nullptr) return;
    if (tracked_replies_ == nullptr) tracked_replies_ = std::make_unique<TrackedReplies>();
    const uint64_t now_ns = host_.ring.now_ns();
    tracked_replies_->note(run.reply, now_ns, now_ns, exported->response_threshold_ns);
}

void Client::report_tracked(std::string_view subject) {
    const uint64_t now_ns = host_.ring.now_ns();
    const uint64_t* since_ns = tracked_replies_->find(subject, now_ns);
    if (since_ns == nullptr) return;
    const uint64_t elapsed_ns = now_ns - *since_ns;
    tracked_replies_->erase(subject);  // the first answer counts
    delivery_.latency_events()->on_tracked_answer(host_.id, {.exporter = account_,
                                                            .request = subject,
                                                            .responder = handle(),
                                                            .elapsed_ns = elapsed_ns});
}

// Other permissions hold from now on: what the old ones have allowed ends, unless these allow the same.
void Client::forget_responses(const auth::Permissions* next) {
    if (responses_ == nullptr) return;
    if (next == nullptr || next->responses() != responses_->allowed()) responses_.reset();
}

}  // namespace nuring::client

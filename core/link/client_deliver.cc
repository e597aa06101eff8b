// SPDX-License-Identifier: Apache-2.0
// Client, the way out: frames of the messages for its subscriptions.
#include "core/link/client.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "core/base/block_copy.h"
#include "proto/encode_client.h"

namespace nuring::link {
namespace {

// Heads up to this are built on the stack and stamped in front of every frame.
constexpr size_t kStampedHeadMax = 512;

// Requests whose answer is still allowed, per connection.
constexpr size_t kResponsesMax = 65536;

}  // namespace

bool Client::accepts(const interest::Subscription& subscription,
                     base::LinkHandle /*origin*/) const {
    return open() && !subscription.closed() &&
           (subscription.max == 0 || subscription.delivered < subscription.max);
}

uint32_t Client::deliver(interest::Subscription& subscription, const MessageRun& run) {
    if (!open() || subscription.closed()) return 0;
    if (permissions_ != nullptr) [[unlikely]] {
        if ((subscription.flags & interest::Subscription::kFiltered) != 0 &&
            !permits_receive(subscription, run.subject)) {
            return 0;
        }
        if (permissions_->responses().has_value() && !run.reply.empty()) note_reply(run.reply);
    }
    uint32_t count = run.count;
    if (subscription.max != 0) {
        const uint64_t left = subscription.max - subscription.delivered;
        count = static_cast<uint32_t>(std::min<uint64_t>(count, left));
    }
    const bool strip = run.header_size != 0 && !connect_.headers;
    const std::string_view sid = subscription.sid();
    const size_t head_size = 6 + run.subject.size() + sid.size();
    const uint64_t frame_size = head_size + run.tail_size;
    bool slow = false;
    if (!fits_pending(count * frame_size)) [[unlikely]] {
        const uint64_t pending = outbound_.pending_bytes();
        const uint64_t most = links_.limits.max_pending_bytes;
        count = static_cast<uint32_t>(pending < most ? (most - pending) / frame_size : 0);
        slow = true;
    }
    if (strip) {
        append_stripped(subscription, run, count);
    } else {
        std::array<char, kStampedHeadMax + base::kBlockBytes> stamped;
        std::string long_head;
        char* head = stamped.data();
        if (head_size > kStampedHeadMax) {
            long_head.resize(head_size + base::kBlockBytes);
            head = long_head.data();
        }
        char* out = head;
        if (run.header_size != 0) *out++ = 'H';
        out = proto::encode_msg_start(out, run.subject);
        out = proto::append_short(out, sid);
        const std::string_view stamp(head, static_cast<size_t>(out - head));
        if (links_.log.trace_enabled()) [[unlikely]] trace_out(stamp, run);
        outbound_.append_frames(stamp, run, count);
    }
    const uint64_t bytes = uint64_t{count} * (strip ? run.total_size - run.header_size : run.total_size);
    subscription.delivered += count;
    traffic_.out_messages += count;
    traffic_.out_bytes += bytes;
    links_.counters.out_messages += count;
    links_.counters.out_bytes += bytes;
    last_activity_ns_ = links_.ring.now_ns();
    mark_dirty();
    if (slow) [[unlikely]] {
        links_.slow_consumer_pending(*this);
    } else if (subscription.max != 0 && subscription.delivered >= subscription.max) {
        links_.log.debug("{} - Auto-unsubscribe limit of {} reached for sid '{}'", label(),
                         subscription.max, sid);
        remove(&subscription);
    }
    return count;
}

bool Client::permits_receive(const interest::Subscription& subscription, std::string_view subject) {
    if (permissions_->denies_queues()) return permissions_->may_receive(subject, subscription.queue());
    const auth::PermissionCache::Answer answer = receivable_.find(subject);
    if (answer != auth::PermissionCache::Answer::kUnknown) {
        return answer == auth::PermissionCache::Answer::kYes;
    }
    const bool may = permissions_->may_receive(subject, {});
    receivable_.remember(subject, may);
    return may;
}

// To a client without header support: the body alone, as a MSG.
void Client::append_stripped(interest::Subscription& subscription, const MessageRun& run,
                             uint32_t count) {
    const proto::MessageHead names{
        .subject = run.subject, .sid = subscription.sid(), .reply = run.reply};
    std::string head(proto::message_head_size_max(names), '\0');
    const uint32_t body_size = run.total_size - run.header_size;
    const char* end = proto::encode_msg_head(head.data(), names, body_size);
    head.resize(static_cast<size_t>(end - head.data()));
    for (uint32_t i = 0; i < count; ++i) {
        outbound_.append(head);
        outbound_.append({run.payload() + i * run.stride + run.header_size, body_size + 2});
    }
}

// allow_responses: who received a request may answer it, so often and so long.
void Client::note_reply(std::string_view reply) {
    const config::ResponsePermissions& allowed = *permissions_->responses();
    if (responses_ == nullptr) responses_ = std::make_unique<absl::flat_hash_map<std::string, Response>>();
    const uint64_t now = links_.ring.now_ns();
    if (responses_->size() >= kResponsesMax) {
        absl::erase_if(*responses_, [now](const auto& entry) { return entry.second.expires_ns <= now; });
        if (responses_->size() >= kResponsesMax) responses_->clear();  // who hoards requests, loses
    }
    (*responses_)[std::string(reply)] = {
        .left = allowed.max_messages < 0 ? INT64_MAX : allowed.max_messages,
        .expires_ns = allowed.expires.count() < 0 ? ring::kForever
                                                  : now + static_cast<uint64_t>(allowed.expires.count())};
}

void Client::trace_out(std::string_view head, const MessageRun& run) {
    std::string_view sizes(run.tail, static_cast<size_t>(run.payload() - 2 - run.tail));
    for (uint32_t i = 0; i < run.count; ++i) {
        links_.log.trace("{} - ->> [{}{}]", label(), head, sizes);
    }
}

}  // namespace nuring::link

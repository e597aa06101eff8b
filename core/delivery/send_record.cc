// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/send_record.h"

#include <cassert>
#include <cstring>

#include "core/base/narrow.h"
#include "core/delivery/delivery.h"
#include "core/delivery/room.h"
#include "proto/encode_client.h"

namespace nuring::delivery {
namespace {

// send_record() turns a kind into that of large bodies by adding one.
static_assert(kDeliverLarge == kDeliver + 1);
static_assert(kDeliverOneLarge == kDeliverOne + 1);
static_assert(kDeliverQueueLarge == kDeliverQueue + 1);
static_assert(kDeliverReplyLarge == kDeliverReply + 1);
static_assert(kDeliverServerLarge == kDeliverServer + 1);

RecordFlags flags_of(const RecordPlan& plan, const MessageRun& run) {
    RecordFlags flags{};
    flags.kind = static_cast<uint16_t>(plan.publisher.kind) & 0xf;
    flags.hops = plan.hops & 0x7f;
    flags.echo = plan.publisher.echo ? 1 : 0;
    flags.all_queues = plan.publisher.all_queues ? 1 : 0;
    flags.is_service = run.is_service ? 1 : 0;
    flags.is_jetstream = run.is_jetstream ? 1 : 0;
    flags.has_reply_origin = run.reply_origin.empty() ? 0 : 1;
    return flags;
}

// Returns the place of the block.
char* fill_head(DeliverRecord* record, const RecordPlan& plan, const MessageRun& run) {
    record->account = plan.account;
    record->origin = plan.publisher.link;
    record->target = plan.target;
    record->tail_size = base::narrow<uint32_t>(run.tail_size);
    record->stride = base::narrow<uint32_t>(run.stride);
    record->count = run.count;
    record->header_size = run.header_size;
    record->total_size = run.total_size;
    record->origin_cluster = plan.publisher.origin_cluster;
    record->subject_size = base::narrow<uint16_t>(run.subject.size());
    record->reply_size = base::narrow<uint16_t>(run.reply.size());
    record->queue_size = base::narrow<uint16_t>(plan.queue.size());
    record->flags = flags_of(plan, run);
    char* out = proto::append_short(reinterpret_cast<char*>(record + 1), run.subject);
    out = proto::append_short(out, plan.queue);
    if (!run.reply_origin.empty()) [[unlikely]] {
        std::memcpy(out, &run.reply_origin, sizeof run.reply_origin);
        out += sizeof run.reply_origin;
    }
    return out;
}

// For one worker the copy into its mailbox is the cheaper way: the kernel would receive into another buffer
// next, which is not in the cache.
bool shares_input(const Delivery& delivery, const RecordPlan& plan, const MessageRun& run) {
    return plan.is_for_several && delivery.host.input.may_share(run.tail, run.block_size());
}

SharedBlock share_on_heap(const MessageRun& run, link::SharedBody** on_heap) {
    const size_t block_size = run.block_size();
    if (*on_heap == nullptr) {
        *on_heap = link::SharedBody::create(block_size + runtime::kRecordSlackBytes);
        std::memcpy((*on_heap)->bytes(), run.tail, block_size);
    }
    (*on_heap)->add_reference();
    return {.body = *on_heap, .block = (*on_heap)->bytes()};
}

void fill_record(DeliverRecord* record, const RecordPlan& plan, const MessageRun& run, bool is_large,
                 link::SharedBody** on_heap) {
    char* const out = fill_head(record, plan, run);
    if (!is_large) [[likely]] {
        std::memcpy(out, run.tail, run.block_size());
        return;
    }
    const SharedBlock shared = share_on_heap(run, on_heap);
    std::memcpy(out, &shared, sizeof shared);
}

void send_shared_input(Delivery& delivery, base::WorkerId to, const RecordPlan& plan,
                       const MessageRun& run) {
    const SharedBlock shared{.body = delivery.host.input.share(), .block = run.tail};
    const size_t size = record_size(delivery, run, plan.queue.size(), sizeof shared).bytes;
    auto* record =
        reinterpret_cast<DeliverRecord*>(delivery.outlets.begin_record(to, size, plan.kind + 1));
    std::memcpy(fill_head(record, plan, run), &shared, sizeof shared);
    delivery.outlets.commit_record(to, &record->header);
}

}  // namespace

void send_record(Delivery& delivery, base::WorkerId to, const RecordPlan& plan,
                 const MessageRun& run, link::SharedBody** on_heap) {
    if (shares_input(delivery, plan, run)) return send_shared_input(delivery, to, plan, run);
    const RecordSize size = record_size(delivery, run, plan.queue.size(), run.block_size());
    const uint32_t kind = plan.kind + (size.is_large ? 1 : 0);
    auto* record =
        reinterpret_cast<DeliverRecord*>(delivery.outlets.begin_record(to, size.bytes, kind));
    fill_record(record, plan, run, size.is_large, on_heap);
    if (size.is_large) delivery.outlets.note_counted_block(to, run.block_size());
    delivery.outlets.commit_record(to, &record->header);
}

LoneRecord::LoneRecord(Delivery& delivery, const interest::MatchResult& match, MessageRun* run)
    : delivery_(delivery), to_(match.remote_workers().first()), serial_(match.lone_remote()) {
    assert(match.is_lone_remote());
    if (run->count != 1) run->count = deliverable_count(delivery, MailboxDemand(), *run);
    const RecordSize size = record_size(delivery, *run, 0, run->block_size());
    size_ = size.bytes;
    is_large_ = size.is_large;
    if (is_large_ && delivery.outlets.is_behind(to_)) return;
    if (delivery.outlets.is_throttled(to_) && !delivery.outlets.has_room(to_, size_)) return;
    record_ = delivery.outlets.try_begin_record(to_, size_, kDeliverOne + (is_large_ ? 1 : 0));
}

void LoneRecord::pause_until_room(link::Link& link) {
    assert(!has_room());
    if (is_large_ && delivery_.outlets.is_behind(to_))
        return delivery_.outlets.pause_until_drained(link, to_);
    delivery_.outlets.pause_until_room(link, to_, size_);
}

void LoneRecord::send(const Publisher& publisher, account::Account& account, const MessageRun& run) {
    assert(has_room());
    const RecordPlan plan{
        .kind = kDeliverOne, .account = &account, .publisher = publisher, .target = serial_};
    link::SharedBody* on_heap = nullptr;
    fill_record(reinterpret_cast<DeliverRecord*>(record_), plan, run, is_large_, &on_heap);
    if (is_large_) delivery_.outlets.note_counted_block(to_, run.block_size());
    if (on_heap != nullptr) link::SharedBody::release(on_heap);
    delivery_.outlets.commit_record(to_, record_);
}

}  // namespace nuring::delivery

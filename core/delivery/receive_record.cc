// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/receive_record.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "core/delivery/delivery.h"
#include "core/delivery/line_buffer.h"
#include "core/delivery/local_delivery.h"
#include "core/delivery/queue_delivery.h"
#include "core/delivery/server_delivery.h"

namespace nuring::delivery {
namespace {

// A queue member that has vanished, or may not have the message, is replaced so many times: the walk over
// the members of most groups ends before.
constexpr uint8_t kHopsMax = 64;
static_assert(kHopsMax < 1 << 7);  // DeliverRecord::hops

// The texts behind a record.
std::string_view subject_of(const DeliverRecord& record) {
    return {reinterpret_cast<const char*>(&record + 1), record.subject_size};
}
std::string_view queue_of(const DeliverRecord& record) {
    return {reinterpret_cast<const char*>(&record + 1) + record.subject_size, record.queue_size};
}

MessageRun run_of(const DeliverRecord& record, const char* block) {
    MessageRun run;
    run.subject = subject_of(record);
    run.tail = block;
    run.tail_size = record.tail_size;
    run.stride = record.stride;
    run.count = record.count;
    run.header_size = record.header_size;
    run.total_size = record.total_size;
    run.is_service = record.flags.is_service != 0;
    run.is_jetstream = record.flags.is_jetstream != 0;
    if (record.flags.has_reply_origin != 0) [[unlikely]] {
        const std::string_view queue = queue_of(record);
        std::memcpy(&run.reply_origin, queue.data() + queue.size(), sizeof run.reply_origin);
    }
    if (record.reply_size != 0) run.reply = {block + 1, record.reply_size};
    return run;
}

Publisher publisher_of(const DeliverRecord& record) {
    return {.link = record.origin,
            .kind = static_cast<proto::Kind>(record.flags.kind),
            .echo = record.flags.echo != 0,
            .all_queues = record.flags.all_queues != 0,
            .origin_cluster = record.origin_cluster};
}

enum class Missing : uint8_t { kMember, kServer };

void pick_again(Delivery& delivery, const DeliverRecord& record, std::string_view queue,
                const MessageRun& rest, Missing missing);

// The chosen member takes the messages; what it does not take, as it has gone meanwhile, may not have
// it or has reached its maximum, others do.
void deliver_queue_record(Delivery& delivery, const DeliverRecord& record, const MessageRun& run) {
    uint32_t taken = 0;
    interest::Subscription* chosen = delivery.subscriptions.find(record.target);
    if (chosen != nullptr) {
        Subscriber& subscriber = *static_cast<Subscriber*>(chosen->owner);
        if (subscriber.accepts(*chosen, record.origin))
            taken = subscriber.deliver(*chosen, run, record.origin);
        if (taken == run.count) return;
    }
    pick_again(delivery, record, queue_of(record), part_of(run, taken, run.count - taken),
               Missing::kMember);
}

// The member that the record names does not take these messages: others of the group do. A server that has
// gone may have members that live on: then nobody is to have a message twice for them.
void pick_again(Delivery& delivery, const DeliverRecord& record, std::string_view queue,
                const MessageRun& rest, Missing missing) {
    if (record.flags.hops >= kHopsMax) {
        delivery.count_lost_group_messages(rest.count);
        return;
    }
    delivery.count_replaced_member();
    interest::Sublist& sublist = record.account->sublist();
    const interest::MatchEntry& entry = delivery.cache.find(sublist, rest.subject);
    const interest::MatchPin pin(entry);
    const auto group = entry.result().find_queue_group(queue, sublist.hash(queue));
    if (!group.has_value()) return delivery.count_lost_group_messages(rest.count);
    const Publisher publisher = publisher_of(record);
    const RecordPlan plan{.kind = kDeliverQueue,
                          .account = record.account,
                          .publisher = publisher,
                          .target = 0,  // whoever is chosen
                          .queue = queue,
                          .hops = static_cast<uint8_t>(record.flags.hops + 1)};
    const Served served = missing == Missing::kServer ? entry.result().servers() : Served();
    link::SharedBody* on_heap = nullptr;
    Picks picks;
    uint32_t refused = 0;
    deliver_to_members(delivery, plan, *group,
                       member_after(delivery, publisher, *group, record.target), 0, rest, &on_heap,
                       &picks, &refused, served);
    deliver_to_servers(delivery, plan, {}, picks, rest, &on_heap);
    if (on_heap != nullptr) link::SharedBody::release(on_heap);
}

template <typename Each>
void for_each_name(std::string_view names, Each each) {
    while (!names.empty()) {
        const size_t end = std::min(names.find(' '), names.size());
        each(names.substr(0, end));
        names.remove_prefix(std::min(end + 1, names.size()));
    }
}

// To another server. One that has gone, or may not have the messages, was picked in vain.
void deliver_server_record(Delivery& delivery, const DeliverRecord& record, const MessageRun& run) {
    link::Link* link = delivery.host.table.find(base::LinkHandle::from_bits(record.target));
    auto* server = static_cast<RemoteServer*>(link);
    const bool may_take = server != nullptr && server->may_take(*record.account, run.subject);
    const bool has_gone = server == nullptr || !server->open();
    const Missing missing = has_gone ? Missing::kServer : Missing::kMember;
    const std::string_view queues = queue_of(record);
    bool is_whole = may_take;  // for all groups
    for_each_name(queues, [&](std::string_view queue) {
        is_whole = is_whole && server->may_serve(*record.account, run.subject, queue);
    });
    if (is_whole) [[likely]]
        return hand_over(*server, record.origin_cluster, *record.account, run, queues);
    LineBuffer served(queues.size());
    char* end = served.data();
    for_each_name(queues, [&](std::string_view queue) {
        if (!may_take || !server->may_serve(*record.account, run.subject, queue))
            return pick_again(delivery, record, queue, run, missing);
        if (end != served.data()) *end++ = ' ';
        end = std::copy(queue.begin(), queue.end(), end);
    });
    const std::string_view rest(served.data(), static_cast<size_t>(end - served.data()));
    if (may_take) hand_over(*server, record.origin_cluster, *record.account, run, rest);
}

const char* block_of(const DeliverRecord& record) {
    return reinterpret_cast<const char*>(&record + 1) + record.subject_size + record.queue_size +
           (record.flags.has_reply_origin != 0 ? sizeof(proto::ReplyOrigin) : 0);
}

// To the subscription that the publisher's match has named. One that has come since is owed nothing.
void deliver_to_one(Delivery& delivery, const DeliverRecord& record, const MessageRun& run) {
    interest::Subscription* subscription = delivery.subscriptions.find(record.target);
    if (subscription == nullptr) return;
    static_cast<Subscriber*>(subscription->owner)->deliver(*subscription, run, record.origin);
}

// To the plain subscriptions of this worker.
void deliver_plain(Delivery& delivery, const DeliverRecord& record, const MessageRun& run) {
    const interest::MatchEntry& entry =
        delivery.cache.find(record.account->sublist(), run.subject, record.target);
    const interest::MatchPin pin(entry);
    deliver_to_local(delivery, record.origin, /*echo=*/true, entry.result().local(), run);
}

bool is_large(RecordKind kind) {
    return kind == kDeliverLarge || kind == kDeliverOneLarge || kind == kDeliverQueueLarge ||
           kind == kDeliverReplyLarge || kind == kDeliverServerLarge;
}

// `kind`: the record's own, or that before it, if its block is elsewhere.
void deliver_as(Delivery& delivery, const DeliverRecord& record, RecordKind kind, const MessageRun& run) {
    if (kind == kDeliverOne) [[likely]]
        return deliver_to_one(delivery, record, run);
    if (kind == kDeliver) return deliver_plain(delivery, record, run);
    if (kind == kDeliverQueue) return deliver_queue_record(delivery, record, run);
    if (kind == kDeliverServer) return deliver_server_record(delivery, record, run);
    assert(kind == kDeliverReply);
    const runtime::Worker::OwnMatches own(delivery.host.worker);
    delivery.services.deliver_reply(publisher_of(record), *record.account, run);
}

void stall_publisher(Delivery& delivery, const DeliverRecord& record) {
    if (!delivery.stall_gate.has_backlog()) [[likely]]
        return;
    delivery.stall_gate.stall_there(record.origin, static_cast<proto::Kind>(record.flags.kind));
}

}  // namespace

// Entries first, then the subscriptions that they name: the loads of one step do not wait for each other.
void look_ahead(Delivery& delivery, std::span<const runtime::RecordHeader* const> records) {
    for (const runtime::RecordHeader* header : records) {
        const auto& record = reinterpret_cast<const DeliverRecord&>(*header);
        if (header->kind == kDeliverOne) {
            delivery.subscriptions.prefetch_slot(record.target);
        } else if (header->kind == kDeliver) {
            delivery.cache.prefetch(record.account->sublist(), record.target);
        }
    }
    for (const runtime::RecordHeader* header : records) {
        const auto& record = reinterpret_cast<const DeliverRecord&>(*header);
        if (header->kind == kDeliverOne) {
            delivery.subscriptions.prefetch(record.target);
        } else if (header->kind == kDeliver) {
            delivery.cache.prefetch_subscribers(record.account->sublist(), record.target);
        }
    }
}

size_t deliver_record(Delivery& delivery, const DeliverRecord& record) {
    const char* const place = block_of(record);
    const auto kind = static_cast<RecordKind>(record.header.kind);
    if (is_large(kind)) {
        SharedBlock shared;
        std::memcpy(&shared, place, sizeof shared);
        const MessageRun run = run_of(record, shared.block);
        deliver_as(delivery, record, static_cast<RecordKind>(kind - 1), run);
        link::SharedBody::release(shared.body);
        stall_publisher(delivery, record);
        return run.block_size();
    }
    deliver_as(delivery, record, kind, run_of(record, place));
    stall_publisher(delivery, record);
    return 0;
}

}  // namespace nuring::delivery

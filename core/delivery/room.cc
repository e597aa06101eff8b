// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/room.h"

#include <algorithm>
#include <cassert>

#include "core/delivery/delivery.h"
#include "core/delivery/records.h"
#include "core/interest/forward_rules.h"
#include "core/link/link.h"

namespace nuring::delivery {
namespace {

size_t record_limit(const Delivery& delivery) { return delivery.outlets.inline_bytes_max(); }

// A record without queue name and block.
size_t head_size(const MessageRun& run) {
    return sizeof(DeliverRecord) + run.subject.size() +
           (run.reply_origin.empty() ? 0 : sizeof run.reply_origin);
}

// The same with what rounding the record's size up may cost.
size_t fixed_size(const MessageRun& run) { return head_size(run) + runtime::kRecordAlignment; }

}  // namespace

RecordSize record_size(const Delivery& delivery, const MessageRun& run, size_t queue_size,
                       size_t block_size) {
    const size_t fixed = head_size(run) + queue_size;
    const bool is_large = fixed + block_size > record_limit(delivery);
    return {.bytes = fixed + (is_large ? sizeof(SharedBlock) : block_size), .is_large = is_large};
}

MailboxDemand demand_of(const Delivery& delivery, proto::Kind from,
                        const interest::MatchResult& match) {
    MailboxDemand demand{.workers = match.remote_workers()};
    const auto servers = match.servers();
    for (size_t i = 0; i < servers.size(); ++i) {
        if (servers[i].worker() == delivery.host.id) continue;
        if (!interest::may_forward(from, match.server_kinds()[i], /*is_service_reply=*/true))
            continue;
        demand.workers.add(servers[i].worker());
        ++demand.server_count;
    }
    for (uint32_t i = 0; i < match.queue_group_count(); ++i) {
        const interest::QueueGroup group = match.queue_group(i);
        const interest::WorkerSet others = group.workers.without(delivery.host.id);
        if (others.empty()) continue;
        demand.workers |= others;
        ++demand.group_count;
        demand.group_names += group.name.size();
    }
    return demand;
}

// One record for the plain subscriptions, and a quarter of a mailbox for the records of members.
uint32_t deliverable_count(const Delivery& delivery, const MailboxDemand& demand,
                           const MessageRun& run) {
    assert(run.count > 0);
    if (run.count == 1) return 1;
    const size_t fixed = fixed_size(run);
    const size_t limit = record_limit(delivery);
    const size_t room = limit > fixed + run.tail_size ? limit - fixed - run.tail_size : 0;
    size_t most = 1 + room / run.stride;
    if (demand.group_count != 0) {
        const size_t each = demand.group_count * (fixed + run.stride) + demand.group_names;
        most = std::min(most, std::max<size_t>(1, delivery.outlets.record_size_max() / each));
    }
    return most < run.count ? static_cast<uint32_t>(most) : run.count;
}

// A group gets the block once, in as many records as it has members, or messages; and so does a server,
// for its plain subscriptions and the groups that it was picked for.
size_t bytes_needed(const Delivery& delivery, const MailboxDemand& demand,
                    const interest::MatchResult& match, const MessageRun& run) {
    const size_t plain =
        record_size(delivery, run, 0, run.block_size()).bytes + runtime::kRecordAlignment;
    size_t needed = plain + (demand.group_count + demand.server_count) * plain;
    if (demand.group_count == 0) return needed;
    for (uint32_t i = 0; i < match.queue_group_count(); ++i) {
        const interest::QueueGroup group = match.queue_group(i);
        needed +=
            std::min<uint64_t>(run.count, group.weight) * (fixed_size(run) + group.name.size());
    }
    return needed;
}

// True: one of these workers is behind, and the link was paused.
static bool waits_for(Delivery& delivery, link::Link& link, const interest::WorkerSet& workers) {
    const auto behind = delivery.outlets.find_behind(workers);
    if (!behind.has_value()) return false;
    delivery.outlets.pause_until_drained(link, *behind);
    return true;
}

// A small record for many subscriptions is much work for its worker. True: one has enough of it, and the link
// was paused.
static bool waits_for_copies(Delivery& delivery, link::Link& link, const interest::MatchResult& match) {
    if (match.remote_count() < InterestGate::kReceiversMin) [[likely]]
        return false;
    return waits_for(delivery, link, match.remote_workers());
}

// The same for a run whose block takes no room of the mailbox.
static bool waits_for_blocks(Delivery& delivery, link::Link& link, const MailboxDemand& demand,
                             const MessageRun& run) {
    const RecordSize size = record_size(delivery, run, demand.group_names, run.block_size());
    return size.is_large && waits_for(delivery, link, demand.workers);
}

// One record per worker: what the other functions come to, if nothing else is demanded.
static bool fit_plain_run(Delivery& delivery, link::Link& link, const interest::WorkerSet& workers,
                          MessageRun* run) {
    if (run->count != 1) run->count = deliverable_count(delivery, MailboxDemand(), *run);
    const RecordSize size = record_size(delivery, *run, 0, run->block_size());
    if (size.is_large && waits_for(delivery, link, workers)) return false;
    const size_t needed = size.bytes + runtime::kRecordAlignment;
    const auto full = delivery.outlets.find_full(workers, needed);
    if (!full.has_value()) [[likely]]
        return true;
    delivery.outlets.pause_until_room(link, *full, needed);
    return false;
}

bool fit_run_beyond(Delivery& delivery, link::Link& link, const interest::MatchResult& match,
                    MessageRun* run) {
    if (waits_for_copies(delivery, link, match)) return false;
    if (match.is_plain()) return fit_plain_run(delivery, link, match.remote_workers(), run);
    const MailboxDemand demand = demand_of(delivery, link.kind(), match);
    if (demand.workers.empty()) return true;
    run->count = deliverable_count(delivery, demand, *run);
    if (waits_for_blocks(delivery, link, demand, *run)) return false;
    const size_t needed = bytes_needed(delivery, demand, match, *run);
    const auto full = delivery.outlets.find_full(demand.workers, needed);
    if (!full.has_value()) return true;
    delivery.outlets.pause_until_room(link, *full, needed);
    return false;
}

bool fit_record_to_mailbox(Delivery& delivery, link::Link& link, base::WorkerId to,
                           const MessageRun& run) {
    if (to == delivery.host.id) return true;
    const RecordSize size = record_size(delivery, run, 0, run.block_size());
    if (size.is_large && delivery.outlets.is_behind(to)) {
        delivery.outlets.pause_until_drained(link, to);
        return false;
    }
    if (delivery.outlets.has_room(to, size.bytes)) return true;
    delivery.outlets.pause_until_room(link, to, size.bytes);
    return false;
}

}  // namespace nuring::delivery

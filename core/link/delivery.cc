// SPDX-License-Identifier: Apache-2.0
#include "core/link/delivery.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "absl/container/inlined_vector.h"
#include "core/link/peer.h"
#include "core/link/worker_links.h"

namespace nuring::link {
namespace {

// A block above this travels as a counted payload instead of being copied into each record.
constexpr size_t kInlineBytesMax = 32 * 1024;

// A queue member that has vanished, or may not have the message, is replaced so many times: the walk over
// the members of most groups ends before.
constexpr uint8_t kHopsMax = 64;

// send_record() turns a kind into that of large bodies by adding one.
static_assert(kDeliverLarge == kDeliver + 1);
static_assert(kDeliverQueueLarge == kDeliverQueue + 1);
static_assert(kDeliverReplyLarge == kDeliverReply + 1);
static_assert(kDeliverPeerLarge == kDeliverPeer + 1);

// What is common to all records of one run.
struct RecordPlan {
    RecordKind kind = kDeliver;
    account::Account* account = nullptr;
    Publisher publisher;
    uint64_t target = 0;     // see DeliverRecord
    std::string_view queue;  // kDeliverQueue*, kDeliverPeer*
    uint8_t hops = 0;
};

// A part of a run that another server is to give to a member of its own.
struct Pick {
    base::LinkHandle peer;
    uint32_t first;
    uint32_t count;
    std::string_view queue;
};
using Picks = absl::InlinedVector<Pick, 4>;

size_t record_limit(const WorkerLinks& links) {
    return std::min(links.record_size_max() / 2, kInlineBytesMax);
}

// Bytes of one record; a block that is too large for it travels outside.
size_t record_size(const WorkerLinks& links, const MessageRun& run, size_t queue_size,
                   size_t block_size, bool* is_large) {
    const size_t fixed = sizeof(DeliverRecord) + run.subject.size() + queue_size;
    *is_large = fixed + block_size > record_limit(links);
    return fixed + (*is_large ? sizeof(Payload*) : block_size);
}

void send_record(WorkerLinks& links, base::WorkerId to, const RecordPlan& plan,
                 const MessageRun& run, Payload** shared) {
    const size_t block_size = run.block_size();
    bool is_large = false;
    const size_t size = record_size(links, run, plan.queue.size(), block_size, &is_large);
    const uint32_t kind = plan.kind + (is_large ? 1 : 0);
    auto* record = reinterpret_cast<DeliverRecord*>(links.begin_record(to, size, kind));
    record->account = plan.account;
    record->origin = plan.publisher.link;
    record->target = plan.target;
    record->block_size = static_cast<uint32_t>(block_size);
    record->tail_size = static_cast<uint32_t>(run.tail_size);
    record->stride = static_cast<uint32_t>(run.stride);
    record->count = run.count;
    record->header_size = run.header_size;
    record->total_size = run.total_size;
    record->subject_size = static_cast<uint16_t>(run.subject.size());
    record->reply_size = static_cast<uint16_t>(run.reply.size());
    record->queue_size = static_cast<uint16_t>(plan.queue.size());
    record->hops = plan.hops;
    record->kind = static_cast<uint8_t>(plan.publisher.kind);
    record->echo = plan.publisher.echo ? 1 : 0;
    record->all_queues = plan.publisher.all_queues ? 1 : 0;
    record->is_service = run.is_service ? 1 : 0;
    char* out = reinterpret_cast<char*>(record + 1);
    std::memcpy(out, run.subject.data(), run.subject.size());
    out += run.subject.size();
    if (!plan.queue.empty()) {
        std::memcpy(out, plan.queue.data(), plan.queue.size());
        out += plan.queue.size();
    }
    if (is_large) {
        if (*shared == nullptr) {
            *shared = Payload::create(block_size + runtime::kRecordSlackBytes, 1);
            std::memcpy((*shared)->bytes(), run.tail, block_size);
        }
        // relaxed: this worker holds a reference, so the count cannot reach zero meanwhile.
        (*shared)->references.fetch_add(1, std::memory_order_relaxed);
        std::memcpy(out, shared, sizeof(Payload*));
    } else {
        std::memcpy(out, run.tail, block_size);
    }
    links.commit_record(to, &record->header);
}

MessageRun part_of(const MessageRun& run, uint32_t first, uint32_t count) {
    MessageRun part = run;
    part.tail += first * run.stride;
    part.count = count;
    return part;
}

// The member with that place when each counts as often as it weighs.
uint32_t member_at(const interest::QueueGroup& group, uint64_t place) {
    if (group.weight == group.members.size()) return static_cast<uint32_t>(place);
    uint32_t index = 0;
    while (place >= group.members[index].weight) place -= group.members[index++].weight;
    return index;
}

// The part, which begins at message `first` of its run, to the member at `start`; what it does not take to
// the next ones. Messages from another server stay with the members of this one, as long as one takes them
// (routes: one hop). False: nobody took any.
bool deliver_to_members(WorkerLinks& links, const RecordPlan& base_plan,
                        const interest::QueueGroup& group, uint32_t start, uint32_t first, MessageRun part,
                        Payload** shared, Picks* picks) {
    const auto count = static_cast<uint32_t>(group.members.size());
    // The circle that is walked first; the others come after it.
    const uint32_t circle = base_plan.publisher.is_route() && group.own_count != 0 ? group.own_count : count;
    bool any = false;
    for (uint32_t tried = 0; tried < count; ++tried) {
        uint32_t index = tried;
        if (tried < circle) index = start + tried < circle ? start + tried : start + tried - circle;
        const interest::QueueMember& member = group.members[index];
        if (member.link == base_plan.publisher.link && !base_plan.publisher.echo) continue;
        if (member.kind == proto::Kind::kRoute) {
            if (member.link == base_plan.publisher.link) continue;
            picks->push_back({member.link, first, part.count, group.name});
            return true;
        }
        if (member.link.worker() != links.id) {
            RecordPlan plan = base_plan;
            plan.kind = kDeliverQueue;
            plan.target = member.serial;
            plan.queue = group.name;
            send_record(links, member.link.worker(), plan, part, shared);
            return true;
        }
        interest::Subscription& subscription = *member.subscription;
        Subscriber& subscriber = *static_cast<Subscriber*>(subscription.owner);
        if (!subscriber.accepts(subscription, base_plan.publisher.link)) continue;
        const uint32_t taken = subscriber.deliver(subscription, part);
        if (taken == part.count) return true;
        any |= taken != 0;
        first += taken;
        part = part_of(part, taken, part.count - taken);
    }
    links.counters.lost_group_messages += part.count;
    return any;
}

// The run goes out in as many parts of neighbours as the group has members, from a random member on. So
// each message is as likely to go to any member as if it were drawn by itself, the shares of one run
// differ by one message at most, order is kept, and a delivery costs what it costs in a run.
bool deliver_to_group(WorkerLinks& links, const RecordPlan& plan, const interest::QueueGroup& group,
                      const MessageRun& run, Payload** shared, Picks* picks) {
    const bool own = plan.publisher.is_route() && group.own_count != 0;
    const uint64_t weight = own ? group.own_count : group.weight;
    const auto parts = static_cast<uint32_t>(std::min<uint64_t>(run.count, weight));
    uint64_t place = links.prng.below(static_cast<uint32_t>(weight));
    bool taken = false;
    uint32_t first = 0;
    for (uint32_t i = 1; i <= parts; ++i) {
        const auto next = static_cast<uint32_t>(uint64_t{run.count} * i / parts);
        // A shared payload holds the whole run; a part of it must not be taken for it.
        Payload* part_shared = nullptr;
        taken |= deliver_to_members(links, plan, group, member_at(group, place), first,
                                    part_of(run, first, next - first),
                                    run.count == 1 ? shared : &part_shared, picks);
        if (part_shared != nullptr) Payload::release(part_shared);
        first = next;
        if (++place == weight) place = 0;
    }
    return taken;
}

// To one server: the whole run if it has plain subscriptions, and those parts in which it was picked;
// each message once.
void deliver_to_peer(WorkerLinks& links, RecordPlan plan, base::LinkHandle peer, bool plain,
                     const Picks& picks, const MessageRun& run, Payload** shared) {
    plan.kind = kDeliverPeer;
    plan.target = peer.bits();
    std::string& queues = links.peer_queues;
    for (uint32_t at = 0; at < run.count;) {
        uint32_t next = run.count;
        queues.clear();
        for (const Pick& pick : picks) {
            if (pick.peer != peer || pick.first + pick.count <= at) continue;
            if (pick.first > at) {
                next = std::min(next, pick.first);
                continue;
            }
            next = std::min(next, pick.first + pick.count);
            if (queues.size() + pick.queue.size() + 1 > kNamesSizeMax) {
                links.counters.lost_group_messages += pick.count;
                continue;
            }
            if (!queues.empty()) queues += ' ';
            queues += pick.queue;
        }
        if (plain || !queues.empty()) {
            const MessageRun part = part_of(run, at, next - at);
            if (peer.worker() == links.id) {
                if (Link* link = links.table.find(peer)) {
                    static_cast<Peer*>(link)->deliver_to_peer(*plan.account, part, queues);
                }
            } else {
                plan.queue = queues;
                Payload* part_shared = nullptr;
                send_record(links, peer.worker(), plan, part,
                            part.count == run.count ? shared : &part_shared);
                if (part_shared != nullptr) Payload::release(part_shared);
            }
        }
        at = next;
    }
}

void deliver_to_peers(WorkerLinks& links, const RecordPlan& plan, std::span<const base::LinkHandle> peers,
                      const Picks& picks, const MessageRun& run, Payload** shared) {
    for (const base::LinkHandle peer : peers) {
        deliver_to_peer(links, plan, peer, /*plain=*/true, picks, run, shared);
    }
    for (size_t i = 0; i < picks.size(); ++i) {
        const base::LinkHandle peer = picks[i].peer;
        const auto is_same = [peer](const Pick& other) { return other.peer == peer; };
        if (std::find(peers.begin(), peers.end(), peer) != peers.end()) continue;
        const auto end = picks.begin() + static_cast<std::ptrdiff_t>(i);
        if (std::find_if(picks.begin(), end, is_same) != end) continue;  // it has had them all
        deliver_to_peer(links, plan, peer, /*plain=*/false, picks, run, shared);
    }
}

MessageRun run_of(const DeliverRecord& record, const char* block) {
    const char* text = reinterpret_cast<const char*>(&record + 1);
    MessageRun run;
    run.subject = {text, record.subject_size};
    run.tail = block;
    run.tail_size = record.tail_size;
    run.stride = record.stride;
    run.count = record.count;
    run.header_size = record.header_size;
    run.total_size = record.total_size;
    run.is_service = record.is_service != 0;
    if (record.reply_size != 0) run.reply = {block + 1, record.reply_size};
    return run;
}

Publisher publisher_of(const DeliverRecord& record) {
    return {.link = record.origin,
            .kind = static_cast<proto::Kind>(record.kind),
            .echo = record.echo != 0,
            .all_queues = record.all_queues != 0};
}

// Where to go on after the member that this worker was asked for; if it is not in the group any more,
// anywhere. All workers see the members in the same order, so that the walk meets each of them.
uint32_t member_after(WorkerLinks& links, const Publisher& publisher, const interest::QueueGroup& group,
                      uint64_t serial) {
    const bool own = publisher.is_route() && group.own_count != 0;
    const auto count = own ? group.own_count : static_cast<uint32_t>(group.members.size());
    for (uint32_t i = 0; i < count; ++i) {
        const interest::QueueMember& member = group.members[i];
        if (member.serial == serial && member.link.worker() == links.id) return (i + 1) % count;
    }
    if (own) return links.prng.below(count);
    return member_at(group, links.prng.below(static_cast<uint32_t>(group.weight)));
}

// The chosen member takes the messages; what it does not take, as it has gone meanwhile, may not have
// it or has reached its maximum, others do.
void deliver_queue_record(WorkerLinks& links, const DeliverRecord& record, const MessageRun& run) {
    uint32_t taken = 0;
    interest::Subscription* chosen = links.find_member(record.target);
    if (chosen != nullptr) {
        Subscriber& subscriber = *static_cast<Subscriber*>(chosen->owner);
        if (subscriber.accepts(*chosen, record.origin)) taken = subscriber.deliver(*chosen, run);
        if (taken == run.count) return;
    }
    const MessageRun rest = part_of(run, taken, run.count - taken);
    if (record.hops >= kHopsMax) {
        links.counters.lost_group_messages += rest.count;
        return;
    }
    ++links.counters.replaced_members;
    const std::string_view queue(reinterpret_cast<const char*>(&record + 1) + record.subject_size,
                                 record.queue_size);
    const interest::MatchEntry& entry = links.cache.find(record.account->sublist(), run.subject);
    const interest::MatchPin pin(entry);
    const interest::MatchResult& match = entry.result();
    for (uint32_t i = 0; i < match.queue_group_count(); ++i) {
        const interest::QueueGroup group = match.queue_group(i);
        if (group.name != queue) continue;
        const RecordPlan plan{.kind = kDeliverQueue,
                              .account = record.account,
                              .publisher = publisher_of(record),
                              .queue = queue,
                              .hops = static_cast<uint8_t>(record.hops + 1)};
        Payload* shared = nullptr;
        Picks picks;
        deliver_to_members(links, plan, group, member_after(links, plan.publisher, group, record.target), 0,
                           rest, &shared, &picks);
        deliver_to_peers(links, plan, {}, picks, rest, &shared);
        if (shared != nullptr) Payload::release(shared);
        return;
    }
    links.counters.lost_group_messages += rest.count;
}

}  // namespace

bool Publisher::may_serve(std::string_view queue) const {
    if (!is_route() || all_queues) return true;
    for (std::string_view rest = queues; !rest.empty();) {
        const size_t end = std::min(rest.find_first_of(" \t"), rest.size());
        if (rest.substr(0, end) == queue) return true;
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return false;
}

size_t reply_record_size(const WorkerLinks& links, const MessageRun& message) {
    bool is_large = false;
    return record_size(links, message, 0, message.tail_size, &is_large);
}

void send_reply_record(WorkerLinks& links, base::WorkerId to, const Publisher& publisher,
                       account::Account& account, const MessageRun& message) {
    const RecordPlan plan{.kind = kDeliverReply, .account = &account, .publisher = publisher};
    Payload* shared = nullptr;
    send_record(links, to, plan, message, &shared);
    if (shared != nullptr) Payload::release(shared);
}

bool make_room(WorkerLinks& links, Link& link, const interest::MatchResult& match,
               MessageRun* run) {
    const std::span<const base::LinkHandle> peers =
        link.kind() == proto::Kind::kRoute ? std::span<const base::LinkHandle>() : match.peers();
    if (match.remote_workers().empty() && match.queue_group_count() == 0 && peers.empty()) return true;
    // The workers concerned, and what the records of groups and peers may cost one of them at most.
    interest::WorkerSet workers = match.remote_workers();
    size_t groups = 0;
    size_t group_names = 0;
    size_t peer_count = 0;
    for (const base::LinkHandle peer : peers) {
        if (peer.worker() == links.id) continue;
        workers.add(peer.worker());
        ++peer_count;
    }
    for (uint32_t i = 0; i < match.queue_group_count(); ++i) {
        const interest::QueueGroup group = match.queue_group(i);
        const interest::WorkerSet others = group.workers.without(links.id);
        if (others.empty()) continue;
        workers |= others;
        ++groups;
        group_names += group.name.size();
    }
    if (workers.empty()) return true;

    const size_t fixed = sizeof(DeliverRecord) + run->subject.size() + runtime::kRecordAlignment;
    const size_t limit = record_limit(links);
    if (run->count > 1) {  // one record for the plain subscriptions, or a quarter mailbox of members'
        const size_t room = limit > fixed + run->tail_size ? limit - fixed - run->tail_size : 0;
        size_t most = 1 + room / run->stride;
        if (groups != 0) {
            const size_t each = groups * (fixed + run->stride) + group_names;
            most = std::min(most, std::max<size_t>(1, links.record_size_max() / each));
        }
        run->count = static_cast<uint32_t>(std::min<size_t>(run->count, most));
    }
    bool is_large = false;
    const size_t plain = record_size(links, *run, 0, run->block_size(), &is_large);
    // A group gets the block once, in as many records as it has members, or messages; and so does a peer,
    // for its plain subscriptions and the groups that it was picked for.
    size_t needed = plain + (groups + peer_count) * plain;
    for (uint32_t i = 0; groups != 0 && i < match.queue_group_count(); ++i) {
        const interest::QueueGroup group = match.queue_group(i);
        needed += std::min<uint64_t>(run->count, group.weight) * (fixed + group.name.size());
    }

    bool room = true;
    workers.for_each([&](base::WorkerId worker) {
        if (!room || links.has_room(worker, needed)) return;
        room = false;
        links.pause_until_room(link, worker, needed);
    });
    return room;
}

bool deliver_run(WorkerLinks& links, const Publisher& publisher, account::Account& account,
             const interest::MatchResult& match, const MessageRun& run) {
    bool taken = false;
    links.origin = publisher.link;
    for (interest::Subscription* subscription : match.local()) {
        if (!publisher.echo && subscription->link() == publisher.link) continue;
        taken |= static_cast<Subscriber*>(subscription->owner)->deliver(*subscription, run) != 0;
    }
    const uint32_t group_count = match.queue_group_count();
    std::span<const base::LinkHandle> peers = match.peers();
    if (publisher.is_route()) peers = {};
    if (group_count == 0 && match.remote_workers().empty() && peers.empty()) return taken;

    const RecordPlan plan{.account = &account, .publisher = publisher};
    Payload* shared = nullptr;
    match.remote_workers().for_each([&](base::WorkerId worker) {
        send_record(links, worker, plan, run, &shared);
        taken = true;
    });
    Picks picks;
    for (uint32_t i = 0; i < group_count; ++i) {
        const interest::QueueGroup group = match.queue_group(i);
        if (!publisher.may_serve(group.name)) continue;
        taken |= deliver_to_group(links, plan, group, run, &shared, &picks);
    }
    if (!peers.empty() || !picks.empty()) {
        deliver_to_peers(links, plan, peers, picks, run, &shared);
        taken = true;
    }
    if (shared != nullptr) Payload::release(shared);
    return taken;
}

void deliver_record(WorkerLinks& links, const DeliverRecord& record) {
    const char* block = reinterpret_cast<const char*>(&record + 1) + record.subject_size + record.queue_size;
    const std::string_view queue(block - record.queue_size, record.queue_size);
    Payload* payload = nullptr;
    RecordKind kind = static_cast<RecordKind>(record.header.kind);
    if (kind == kDeliverLarge || kind == kDeliverQueueLarge || kind == kDeliverReplyLarge ||
        kind == kDeliverPeerLarge) {
        std::memcpy(&payload, block, sizeof payload);
        block = payload->bytes();
        kind = static_cast<RecordKind>(kind - 1);
    }
    const MessageRun run = run_of(record, block);
    if (kind == kDeliverQueue) {
        deliver_queue_record(links, record, run);
    } else if (kind == kDeliverReply) {
        links.services.deliver_reply(publisher_of(record), *record.account, run);
    } else if (kind == kDeliverPeer) {
        if (Link* link = links.table.find(base::LinkHandle::from_bits(record.target))) {
            static_cast<Peer*>(link)->deliver_to_peer(*record.account, run, queue);
        }
    } else {
        const auto& entry = links.cache.find(record.account->sublist(), run.subject);
        const interest::MatchPin pin(entry);
        links.origin = record.origin;
        for (interest::Subscription* subscription : entry.result().local()) {
            static_cast<Subscriber*>(subscription->owner)->deliver(*subscription, run);
        }
    }
    if (payload != nullptr) Payload::release(payload);
}

}  // namespace nuring::link

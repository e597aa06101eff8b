// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/deliver.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "absl/container/inlined_vector.h"
#include "core/base/narrow.h"
#include "core/delivery/delivery.h"
#include "core/delivery/remote_server.h"
#include "core/delivery/room.h"
#include "proto/encode_client.h"
#include "proto/kind.h"
#include "proto/subject.h"

namespace nuring::delivery {
namespace {

// A queue member that has vanished, or may not have the message, is replaced so many times: the walk over
// the members of most groups ends before.
constexpr uint8_t kHopsMax = 64;
static_assert(kHopsMax < 1 << 7);  // DeliverRecord::hops

// Names of queue groups that one message to a server may carry before memory is taken for them.
constexpr size_t kQueuesInline = 256;

// Servers of a message that cost no memory.
constexpr size_t kServersInline = 8;

// send_record() turns a kind into that of large bodies by adding one.
static_assert(kDeliverLarge == kDeliver + 1);
static_assert(kDeliverQueueLarge == kDeliverQueue + 1);
static_assert(kDeliverReplyLarge == kDeliverReply + 1);
static_assert(kDeliverServerLarge == kDeliverServer + 1);

// The common part of all records of one run. It is made per run, so it refers to parts instead of copying.
struct RecordPlan {
    RecordKind kind;
    account::Account* account;
    const Publisher& publisher;
    uint64_t target;              // see DeliverRecord
    std::string_view queue = {};  // kDeliverQueue*, kDeliverServer*
    uint8_t hops = 0;
};

// A part of a run that another server is to give to a member of its own.
struct Pick {
    base::LinkHandle server;
    uint32_t first;
    uint32_t count;
    std::string_view queue;
};
using Picks = absl::InlinedVector<Pick, 4>;

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

void send_record(Delivery& delivery, base::WorkerId to, const RecordPlan& plan,
                 const MessageRun& run, Payload** shared) {
    const size_t block_size = run.block_size();
    const RecordSize size = record_size(delivery, run, plan.queue.size(), block_size);
    const bool is_large = size.is_large;
    const uint32_t kind = plan.kind + (is_large ? 1 : 0);
    auto* record =
        reinterpret_cast<DeliverRecord*>(delivery.outlets.begin_record(to, size.bytes, kind));
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
    delivery.outlets.commit_record(to, &record->header);
}

MessageRun part_of(const MessageRun& run, uint32_t first, uint32_t count) {
    MessageRun part = run;
    part.tail += first * run.stride;
    part.count = count;
    return part;
}

// The members that are asked first: neighbours in the group.
struct Choice {
    uint32_t first;
    uint32_t count;
    uint64_t weight;
};

// A message for which another server of the cluster has picked this one.
bool is_routed(const Publisher& publisher) {
    return publisher.was_matched() && !interest::may_forward(publisher.kind, proto::Kind::kRoute);
}

// A message that another server has matched stays with the members of this one, if there are any; others
// go to members of this server and of its cluster before those of leafnodes. Other clusters come last. What
// came over a route was sent here for the members here or for those of this server's leafnodes.
Choice first_choice(const Publisher& publisher, const interest::QueueGroup& group) {
    if (publisher.was_matched() && group.own_count != 0)
        return {0, group.own_count, group.own_count};
    if (is_routed(publisher) && group.leaf_count != group.near_count) {
        return {group.near_count, group.leaf_count - group.near_count,
                group.leaf_weight - group.near_weight};
    }
    if (group.near_count != 0) return {0, group.near_count, group.near_weight};
    return {0, group.home_count, group.home_weight};
}

bool may_reach(const Publisher& publisher, base::LinkHandle server, proto::Kind kind,
               const MessageRun& run) {
    if (server == publisher.link) return false;
    return interest::may_forward(publisher.kind, kind,
                                 run.subject.starts_with(proto::kServiceReplyPrefix));
}

// The nearest other cluster that has members; empty: there is none that the message may go to.
base::LinkHandle nearest_cluster(const Delivery& delivery, const Publisher& publisher,
                                 const interest::QueueGroup& group) {
    const auto far = group.members.subspan(group.home_count);
    if (far.empty() || !interest::may_forward(publisher.kind, far.front().kind)) return {};
    for (const GatewayTable::Outbound& each : delivery.gateways.outbound) {
        for (const interest::QueueMember& member : far) {
            if (member.link == each.link) return each.link;
        }
    }
    return far.front().link;
}

// The member with that place among the first choice, when each counts as often as it weighs.
uint32_t member_at(const interest::QueueGroup& group, const Choice& choice, uint64_t place) {
    if (group.weight == group.members.size()) return choice.first + static_cast<uint32_t>(place);
    // There may be many of this server, which come first.
    uint32_t index = std::max(choice.first, group.own_count);
    const uint32_t skipped = index - choice.first;
    if (place < skipped) return choice.first + static_cast<uint32_t>(place);
    place -= skipped;
    while (place >= group.members[index].weight) place -= group.members[index++].weight;
    return index;
}

// A server of the cluster has picked a member here that has just gone, and has others, too: rather
// than get lost, the part goes back there. It does not go to and fro: the same link carries what has gone.
bool may_go_back(proto::Kind from, proto::Kind to) {
    return interest::may_reroute(from, to) && !interest::may_forward(from, to);
}

// One of another worker is asked where the record arrives.
bool may_take(Delivery& delivery, base::LinkHandle server, account::Account& account,
              std::string_view subject) {
    if (server.worker() != delivery.host.id) return true;
    link::Link* link = delivery.host.table.find(server);
    return link != nullptr && static_cast<RemoteServer&>(*link).may_take(account, subject);
}

// The order in which the members of a group are asked: a circle through the first choice, from `start` on;
// then all others of this cluster.
class MemberWalk {
  public:
    MemberWalk(const Publisher& publisher, const interest::QueueGroup& group, uint32_t start)
        : choice_(first_choice(publisher, group)),
          start_(start - choice_.first),
          rest_count_(group.home_count - choice_.count),
          // Leafnodes go before other servers, which would have to be asked a second time.
          rest_start_(is_routed(publisher)
                          ? group.near_count - std::min(group.near_count, choice_.count)
                          : 0) {
        assert(start >= choice_.first);
        assert(start_ < std::max(choice_.count, 1U));
    }

    uint32_t count() const { return choice_.count + rest_count_; }
    uint32_t member(uint32_t step) const {
        if (step < choice_.count) return choice_.first + (start_ + step) % choice_.count;
        const uint32_t rest = step - choice_.count;
        if (choice_.first == 0) return choice_.count + (rest + rest_start_) % rest_count_;
        return rest < choice_.first ? rest : step;  // those before the circle, then those after it
    }

  private:
    const Choice choice_;
    const uint32_t start_;
    const uint32_t rest_count_;
    const uint32_t rest_start_;
};

enum class ServerAnswer : uint8_t { kRefuses, kSentIt, kTakes };

// Servers that may not get the message, since their plain subscribers have had it.
using Served = std::span<const base::LinkHandle>;

bool contains(Served served, base::LinkHandle server) {
    return std::find(served.begin(), served.end(), server) != served.end();
}

// Does the message go to that member, which is another server? kSentIt: only if no other member takes it.
ServerAnswer ask_server(Delivery& delivery, const RecordPlan& plan,
                        const interest::QueueMember& member, std::string_view subject,
                        Served served) {
    const Publisher& publisher = plan.publisher;
    if (contains(served, member.link)) return ServerAnswer::kRefuses;
    // No cluster of leafnodes gets its own messages back, over whatever hub.
    if (member.origin_cluster != 0 && member.origin_cluster == publisher.origin_cluster) {
        return ServerAnswer::kRefuses;
    }
    if (member.link == publisher.link) {
        return may_go_back(publisher.kind, member.kind) ? ServerAnswer::kSentIt
                                                        : ServerAnswer::kRefuses;
    }
    const bool takes = interest::may_reroute(publisher.kind, member.kind) &&
                       may_take(delivery, member.link, *plan.account, subject);
    return takes ? ServerAnswer::kTakes : ServerAnswer::kRefuses;
}

// The part, which begins at message `first` of its run, to the member at `start`; what it does not take to
// the next ones. The members of the first choice come first, the server that has sent it and other clusters
// last: a group is served once in all clusters. False: nobody took any. `refused`: so many members, from
// `start` on, took less than all of it.
bool deliver_to_members(Delivery& delivery, const RecordPlan& base_plan,
                        const interest::QueueGroup& group, uint32_t start, uint32_t first,
                        MessageRun part, Payload** shared, Picks* picks, uint32_t* refused,
                        Served served = {}) {
    const Publisher& publisher = base_plan.publisher;
    const MemberWalk walk(publisher, group, start);
    bool any = false;
    base::LinkHandle sender;
    uint32_t& step = *refused;
    for (step = 0; step < walk.count(); ++step) {
        const interest::QueueMember& member = group.members[walk.member(step)];
        if (member.link == publisher.link && !publisher.echo) continue;
        if (proto::is_server(member.kind)) {
            const ServerAnswer answer =
                ask_server(delivery, base_plan, member, part.subject, served);
            if (answer == ServerAnswer::kSentIt) sender = member.link;
            if (answer != ServerAnswer::kTakes) continue;
            picks->push_back({member.link, first, part.count, group.name});
            return true;
        }
        if (member.link.worker() != delivery.host.id) {
            RecordPlan plan = base_plan;
            plan.kind = kDeliverQueue;
            plan.target = member.serial;
            plan.queue = group.name;
            send_record(delivery, member.link.worker(), plan, part, shared);
            return true;
        }
        interest::Subscription& subscription = *member.subscription;
        Subscriber& subscriber = *static_cast<Subscriber*>(subscription.owner);
        if (!subscriber.accepts(subscription, publisher.link)) continue;
        const uint32_t taken = subscriber.deliver(subscription, part, publisher.link);
        if (taken == part.count) return true;
        any |= taken != 0;
        first += taken;
        part = part_of(part, taken, part.count - taken);
    }
    const base::LinkHandle last_resort =
        sender.valid() ? sender : nearest_cluster(delivery, publisher, group);
    if (last_resort.valid() && !contains(served, last_resort)) {
        picks->push_back({last_resort, first, part.count, group.name});
        return true;
    }
    delivery.count_lost_group_messages(part.count);
    return any;
}

// The run goes out in as many parts of neighbours as the group has members, from a random member on. So
// each message is as likely to go to any member as if it were drawn by itself, the shares of one run
// differ by one message at most, order is kept, and a delivery costs what it costs in a run.
//
// Members that do not take a part do not take the next ones, either, and there may be many: where all would
// be asked again and again, one that takes some gets more than its share.
bool deliver_to_group(Delivery& delivery, const RecordPlan& plan, const interest::QueueGroup& group,
                      const MessageRun& run, Payload** shared, Picks* picks) {
    const Choice choice = first_choice(plan.publisher, group);
    const uint64_t weight = std::max<uint64_t>(choice.weight, 1);
    const auto parts = static_cast<uint32_t>(std::min<uint64_t>(run.count, weight));
    uint64_t place = delivery.prng.below(static_cast<uint32_t>(weight));
    uint32_t start = member_at(group, choice, place);
    uint64_t refused_in_all = 0;
    bool taken = false;
    uint32_t first = 0;
    for (uint32_t i = 1; i <= parts; ++i) {
        const auto next = static_cast<uint32_t>(uint64_t{run.count} * i / parts);
        uint32_t refused = 0;
        // A shared payload holds the whole run; a part of it must not be taken for it.
        Payload* part_shared = nullptr;
        taken |= deliver_to_members(delivery, plan, group, start, first,
                                    part_of(run, first, next - first),
                                    run.count == 1 ? shared : &part_shared, picks, &refused);
        if (part_shared != nullptr) Payload::release(part_shared);
        first = next;
        delivery.interest_gate.charge_search(refused);
        refused_in_all += refused;
        if (refused >= choice.count) {
            i = std::max(i, parts - 1);  // all that is left goes where this part went
        } else if (refused_in_all > 2 * uint64_t{group.home_count}) {
            start = choice.first + (start - choice.first + refused) % choice.count;
        } else {
            place += choice.weight == choice.count ? std::max(refused, 1U) : 1;
            if (place >= weight) place -= weight;
            start = member_at(group, choice, place);
        }
    }
    return taken;
}

void hand_over(RemoteServer& server, uint32_t origin_cluster, account::Account& account,
               const MessageRun& run, std::string_view queues) {
    if (origin_cluster == 0) [[likely]]
        return server.deliver_to_server(account, run, queues);
    server.deliver_of_leafnodes(account, run, queues, origin_cluster);
}

// To one server: the whole run if it has plain subscriptions, and those parts in which it was picked;
// each message once.
void deliver_to_server(Delivery& delivery, RecordPlan plan, base::LinkHandle server, bool plain,
                       const Picks& picks, const MessageRun& run, Payload** shared) {
    plan.kind = kDeliverServer;
    plan.target = server.bits();
    absl::InlinedVector<char, kQueuesInline> names;
    for (uint32_t at = 0; at < run.count;) {
        uint32_t next = run.count;
        names.clear();
        for (const Pick& pick : picks) {
            if (pick.server != server || pick.first + pick.count <= at) continue;
            if (pick.first > at) {
                next = std::min(next, pick.first);
                continue;
            }
            next = std::min(next, pick.first + pick.count);
            if (names.size() + pick.queue.size() + 1 > kNamesSizeMax) {
                delivery.count_lost_group_messages(pick.count);
                continue;
            }
            if (!names.empty()) names.push_back(' ');
            names.insert(names.end(), pick.queue.begin(), pick.queue.end());
        }
        const std::string_view queues(names.data(), names.size());
        if (plain || !queues.empty()) {
            const MessageRun part = part_of(run, at, next - at);
            if (server.worker() == delivery.host.id) {
                if (link::Link* link = delivery.host.table.find(server)) {
                    hand_over(static_cast<RemoteServer&>(*link), plan.publisher.origin_cluster,
                              *plan.account, part, queues);
                }
            } else {
                plan.queue = queues;
                Payload* part_shared = nullptr;
                send_record(delivery, server.worker(), plan, part,
                            part.count == run.count ? shared : &part_shared);
                if (part_shared != nullptr) Payload::release(part_shared);
            }
        }
        at = next;
    }
}

void deliver_to_servers(Delivery& delivery, const RecordPlan& plan,
                        std::span<const base::LinkHandle> servers, const Picks& picks,
                        const MessageRun& run, Payload** shared) {
    for (const base::LinkHandle server : servers) {
        deliver_to_server(delivery, plan, server, /*plain=*/true, picks, run, shared);
    }
    for (size_t i = 0; i < picks.size(); ++i) {
        const base::LinkHandle server = picks[i].server;
        const auto is_same = [server](const Pick& other) { return other.server == server; };
        if (std::find(servers.begin(), servers.end(), server) != servers.end()) continue;
        const auto end = picks.begin() + static_cast<std::ptrdiff_t>(i);
        if (std::find_if(picks.begin(), end, is_same) != end) continue;  // it has had them all
        deliver_to_server(delivery, plan, server, /*plain=*/false, picks, run, shared);
    }
}

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

// The place after the member that this worker was asked for; any place if it has left the group.
// All workers see the members in the same order, so that the walk meets each of them.
uint32_t member_after(Delivery& delivery, const Publisher& publisher,
                      const interest::QueueGroup& group, uint64_t serial) {
    const Choice choice = first_choice(publisher, group);
    const uint32_t count = choice.count;
    for (uint32_t i = 0; i < count; ++i) {
        const interest::QueueMember& member = group.members[choice.first + i];
        if (member.serial == serial && member.link.worker() == delivery.host.id)
            return choice.first + (i + 1) % count;
    }
    if (choice.weight == 0) return choice.first;
    return member_at(group, choice, delivery.prng.below(static_cast<uint32_t>(choice.weight)));
}

enum class Missing : uint8_t { kMember, kServer };

void pick_again(Delivery& delivery, const DeliverRecord& record, std::string_view queue,
                const MessageRun& rest, Missing missing);

// The chosen member takes the messages; what it does not take, as it has gone meanwhile, may not have
// it or has reached its maximum, others do.
void deliver_queue_record(Delivery& delivery, const DeliverRecord& record, const MessageRun& run) {
    uint32_t taken = 0;
    interest::Subscription* chosen = delivery.subscriptions.find_member(record.target);
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
    const Served served = missing == Missing::kServer ? entry.result().peers() : Served();
    Payload* shared = nullptr;
    Picks picks;
    uint32_t refused = 0;
    deliver_to_members(delivery, plan, *group,
                       member_after(delivery, publisher, *group, record.target), 0, rest, &shared,
                       &picks, &refused, served);
    deliver_to_servers(delivery, plan, {}, picks, rest, &shared);
    if (shared != nullptr) Payload::release(shared);
}

// To another server. One that has gone, or may not have the messages, was picked in vain.
void deliver_server_record(Delivery& delivery, const DeliverRecord& record, const MessageRun& run) {
    std::string_view queues = queue_of(record);
    link::Link* link = delivery.host.table.find(base::LinkHandle::from_bits(record.target));
    auto* server = static_cast<RemoteServer*>(link);
    if (server != nullptr && server->may_take(*record.account, run.subject)) {
        return hand_over(*server, record.origin_cluster, *record.account, run, queues);
    }
    const bool has_gone = server == nullptr || !server->open();
    const Missing missing = has_gone ? Missing::kServer : Missing::kMember;
    while (!queues.empty()) {
        const size_t end = std::min(queues.find(' '), queues.size());
        pick_again(delivery, record, queues.substr(0, end), run, missing);
        queues.remove_prefix(std::min(end + 1, queues.size()));
    }
}

const char* block_of(const DeliverRecord& record) {
    return reinterpret_cast<const char*>(&record + 1) + record.subject_size + record.queue_size +
           (record.flags.has_reply_origin != 0 ? sizeof(proto::ReplyOrigin) : 0);
}

// To the plain subscriptions of this worker.
void deliver_plain(Delivery& delivery, const DeliverRecord& record, const MessageRun& run) {
    const interest::MatchEntry& entry =
        delivery.cache.find(record.account->sublist(), run.subject, record.target);
    const interest::MatchPin pin(entry);
    for (interest::Subscription* subscription : entry.result().local()) {
        static_cast<Subscriber*>(subscription->owner)->deliver(*subscription, run, record.origin);
    }
}

// To the queue groups and the other servers.
bool deliver_to_others(Delivery& delivery, const RecordPlan& plan, const interest::MatchResult& match,
                       const MessageRun& run, Payload** shared) {
    const Publisher& publisher = plan.publisher;
    absl::InlinedVector<base::LinkHandle, kServersInline> servers;
    for (size_t i = 0; i < match.peers().size(); ++i) {
        const base::LinkHandle server = match.peers()[i];
        if (may_reach(publisher, server, match.peer_kinds()[i], run)) servers.push_back(server);
    }
    bool taken = false;
    Picks picks;
    for (uint32_t i = 0; i < match.queue_group_count(); ++i) {
        const interest::QueueGroup group = match.queue_group(i);
        if (!publisher.may_serve(group.name)) continue;
        taken |= deliver_to_group(delivery, plan, group, run, shared, &picks);
    }
    if (servers.empty() && picks.empty()) return taken;
    deliver_to_servers(delivery, plan, {servers.data(), servers.size()}, picks, run, shared);
    return true;
}

// To everybody but the plain subscriptions of this worker.
bool deliver_run_beyond(Delivery& delivery, const Publisher& publisher, account::Account& account,
                        const interest::MatchEntry& entry, const MessageRun& run) {
    const interest::MatchResult& match = entry.result();
    const RecordPlan plan{
        .kind = kDeliver, .account = &account, .publisher = publisher, .target = entry.hash()};
    Payload* shared = nullptr;
    bool taken = false;
    match.remote_workers().for_each([&](base::WorkerId worker) {
        send_record(delivery, worker, plan, run, &shared);
        taken = true;
    });
    if (!match.is_plain()) taken |= deliver_to_others(delivery, plan, match, run, &shared);
    if (shared != nullptr) Payload::release(shared);
    return taken;
}

}  // namespace

bool Publisher::may_serve(std::string_view queue) const {
    if (!interest::rules_of(kind).names_queues || all_queues) return true;
    for (std::string_view rest = queues; !rest.empty();) {
        const size_t end = std::min(rest.find_first_of(" \t"), rest.size());
        if (rest.substr(0, end) == queue) return true;
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return false;
}

void send_reply_record(Delivery& delivery, base::WorkerId to, const Publisher& publisher,
                       account::Account& account, const MessageRun& message) {
    const RecordPlan plan{
        .kind = kDeliverReply, .account = &account, .publisher = publisher, .target = 0};
    Payload* shared = nullptr;
    send_record(delivery, to, plan, message, &shared);
    if (shared != nullptr) Payload::release(shared);
}

void deliver_run_to_server(Delivery& delivery, const Publisher& publisher,
                           account::Account& account, base::LinkHandle server,
                           const MessageRun& run) {
    const RecordPlan plan{.kind = kDeliverServer,
                          .account = &account,
                          .publisher = publisher,
                          .target = server.bits()};
    Payload* shared = nullptr;
    deliver_to_server(delivery, plan, server, /*plain=*/true, {}, run, &shared);
    if (shared != nullptr) Payload::release(shared);
}

bool deliver_run(Delivery& delivery, const Publisher& publisher, account::Account& account,
                 const interest::MatchEntry& entry, const MessageRun& run) {
    assert(entry.sublist() == &account.sublist());
    const interest::MatchResult& match = entry.result();
    bool taken = false;
    for (interest::Subscription* subscription : match.local()) {
        if (!publisher.echo && subscription->link() == publisher.link) continue;
        taken |= static_cast<Subscriber*>(subscription->owner)
                     ->deliver(*subscription, run, publisher.link) != 0;
    }
    if (match.is_local()) return taken;
    return deliver_run_beyond(delivery, publisher, account, entry, run) || taken;
}

// Entries first, then the subscriptions that they name: the loads of one step do not wait for each other.
void look_ahead(Delivery& delivery, std::span<const runtime::RecordHeader* const> records) {
    for (const runtime::RecordHeader* header : records) {
        if (header->kind != kDeliver) continue;
        const auto& record = reinterpret_cast<const DeliverRecord&>(*header);
        delivery.cache.prefetch(record.account->sublist(), record.target);
    }
    for (const runtime::RecordHeader* header : records) {
        if (header->kind != kDeliver) continue;
        const auto& record = reinterpret_cast<const DeliverRecord&>(*header);
        delivery.cache.prefetch_subscribers(record.account->sublist(), record.target);
    }
}

void deliver_record(Delivery& delivery, const DeliverRecord& record) {
    const char* block = block_of(record);
    RecordKind kind = static_cast<RecordKind>(record.header.kind);
    if (kind == kDeliver) [[likely]]
        return deliver_plain(delivery, record, run_of(record, block));
    Payload* payload = nullptr;
    if (kind == kDeliverLarge || kind == kDeliverQueueLarge || kind == kDeliverReplyLarge ||
        kind == kDeliverServerLarge) {
        std::memcpy(&payload, block, sizeof payload);
        block = payload->bytes();
        kind = static_cast<RecordKind>(kind - 1);
    }
    const MessageRun run = run_of(record, block);
    if (kind == kDeliverQueue) {
        deliver_queue_record(delivery, record, run);
    } else if (kind == kDeliverReply) {
        delivery.services.deliver_reply(publisher_of(record), *record.account, run);
    } else if (kind == kDeliverServer) {
        deliver_server_record(delivery, record, run);
    } else {
        deliver_plain(delivery, record, run);
    }
    if (payload != nullptr) Payload::release(payload);
}

}  // namespace nuring::delivery

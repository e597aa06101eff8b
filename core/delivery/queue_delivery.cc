// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/queue_delivery.h"

#include <algorithm>
#include <cassert>

#include "core/base/prng.h"
#include "core/delivery/delivery.h"
#include "core/delivery/remote_server.h"
#include "core/interest/subject_hash.h"
#include "proto/kind.h"

namespace nuring::delivery {
namespace {

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

// Uniform in [0, weight). Other servers may say weights whose sum is beyond 32 bits.
uint64_t draw(base::Prng& prng, uint64_t weight) {
    return static_cast<uint64_t>((static_cast<interest::Uint128>(prng.next()) * weight) >> 64);
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
              std::string_view subject, std::string_view queue) {
    if (server.worker() != delivery.host.id) return true;
    auto* const link = static_cast<RemoteServer*>(delivery.host.table.find(server));
    return link != nullptr && link->may_take(account, subject) &&
           link->may_serve(account, subject, queue);
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

bool contains(Served served, base::LinkHandle server) {
    return std::find(served.begin(), served.end(), server) != served.end();
}

// Does the message go to that member, which is another server? kSentIt: only if no other member takes it.
ServerAnswer ask_server(Delivery& delivery, const RecordPlan& plan,
                        const interest::QueueMember& member, std::string_view subject,
                        std::string_view queue, Served served) {
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
                       may_take(delivery, member.link, *plan.account, subject, queue);
    return takes ? ServerAnswer::kTakes : ServerAnswer::kRefuses;
}

}  // namespace

bool deliver_to_members(Delivery& delivery, const RecordPlan& base_plan,
                        const interest::QueueGroup& group, uint32_t start, uint32_t first,
                        MessageRun part, link::SharedBody** on_heap, Picks* picks, uint32_t* refused,
                        Served served) {
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
                ask_server(delivery, base_plan, member, part.subject, group.name, served);
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
            send_record(delivery, member.link.worker(), plan, part, on_heap);
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

bool deliver_to_group(Delivery& delivery, const RecordPlan& plan, const interest::QueueGroup& group,
                      const MessageRun& run, link::SharedBody** on_heap, Picks* picks) {
    const Choice choice = first_choice(plan.publisher, group);
    const uint64_t weight = std::max<uint64_t>(choice.weight, 1);
    const auto parts = static_cast<uint32_t>(std::min<uint64_t>(run.count, weight));
    uint64_t place = draw(delivery.prng, weight);
    uint32_t start = member_at(group, choice, place);
    uint64_t refused_in_all = 0;
    bool taken = false;
    uint32_t first = 0;
    for (uint32_t i = 1; i <= parts; ++i) {
        const auto next = static_cast<uint32_t>(uint64_t{run.count} * i / parts);
        uint32_t refused = 0;
        // A shared payload holds the whole run; a part of it must not be taken for it.
        link::SharedBody* part_on_heap = nullptr;
        taken |= deliver_to_members(delivery, plan, group, start, first,
                                    part_of(run, first, next - first),
                                    run.count == 1 ? on_heap : &part_on_heap, picks, &refused);
        if (part_on_heap != nullptr) link::SharedBody::release(part_on_heap);
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
    return member_at(group, choice, draw(delivery.prng, choice.weight));
}

}  // namespace nuring::delivery

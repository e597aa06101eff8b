// SPDX-License-Identifier: Apache-2.0
// ClusterWorld: the faults, and the ends of those that last.
#include <algorithm>
#include <iterator>

#include "core/base/time_units.h"
#include "fmt/format.h"
#include "tests/sim/cluster_world.h"
#include "tests/sim/tenants.h"

namespace nuring::sim {
namespace {

constexpr uint16_t kMove = 100;  // to the ports of the next address

}  // namespace

void ClusterWorld::change_users(uint32_t index, bool Place::* trait, bool on) {
    Place& place = places_[index];
    place.*trait = on;
    if (place.process != nullptr && !place.is_lame) reload(index, /*authorization=*/true);
}

void ClusterWorld::reload(uint32_t index, bool authorization) {
    Place& place = places_[index];
    auto changed = options(index);
    changed->max_subscriptions = 1000 + static_cast<int64_t>(prng_.below(100));
    changed->cluster.routes = place.routes;  // others may have moved since
    place.process->reload(std::move(changed), authorization);
}

// Two servers of unlike pools get along, but an account has a route of its own only if both want it.
void ClusterWorld::change_pools(uint64_t cluster, uint64_t within_ns) {
    Pools& pools = pools_[cluster];
    if (prng_.percent(60)) pools.size = prng_.below(kPoolMax + 1);
    if (prng_.percent(70)) pools.pinned = prng_.below(std::size(kAccountNames) + 1);
    reload_cluster(cluster, within_ns);
}

void ClusterWorld::reload_cluster(uint64_t cluster, uint64_t within_ns) {
    for (uint32_t index = 0; index < draw_.servers; ++index) {
        if (draw_.cluster_of(index) != cluster) continue;
        net_.after(net_.between(0, within_ns), [this, index] {
            const Place& place = places_[index];
            if (place.process != nullptr && !place.is_lame) reload(index, /*authorization=*/true);
        });
    }
}

void ClusterWorld::cut(uint32_t from, uint32_t to, bool on) {
    uint32_t& count = cuts_[{from, to}];
    count += on ? 1 : UINT32_MAX;
    net_.set_cut(from, to, count != 0);
}

void ClusterWorld::be_rough(bool on) {
    rough_count_ += on ? 1 : UINT32_MAX;
    net_.set_faults(faults(rough_count_ != 0));
}

void ClusterWorld::happen(const Fault& fault) {
    const auto a = static_cast<uint32_t>(fault.a);
    const auto b = static_cast<uint32_t>(fault.b);
    const uint64_t now_ns = net_.now_ns();
    const uint64_t for_ns = fault.for_ms * base::kMillisecond_ns;
    Place& place = places_[a];
    const bool is_up = place.process != nullptr && !place.is_lame;
    if (!is_up && fault.kind != FaultKind::kCut && fault.kind != FaultKind::kOneWay &&
        fault.kind != FaultKind::kRough) {
        return;
    }
    say(fmt::format("fault: {} of {} and {} for {} ms", name_of(fault.kind), a, b, fault.for_ms));
    marks_.emplace(name_of(fault.kind));
    switch (fault.kind) {
        case FaultKind::kCut:
        case FaultKind::kOneWay: {
            const bool both_ways = fault.kind == FaultKind::kCut;
            oracle_.add_disturbance(now_ns, now_ns + for_ns, a, b);
            cut(a, b, true);
            if (both_ways) cut(b, a, true);
            net_.after(for_ns, [this, a, b, both_ways] {
                cut(a, b, false);
                if (both_ways) cut(b, a, false);
            });
            return;
        }
        case FaultKind::kReset:
            oracle_.add_disturbance(now_ns, now_ns, a, b);
            net_.reset_between(a, b);
            return;
        case FaultKind::kCrash:
        case FaultKind::kSilent:
        case FaultKind::kMove:
            oracle_.add_disturbance(now_ns, now_ns + for_ns, a, a);
            crash(a, fault.kind == FaultKind::kSilent);
            if (fault.kind == FaultKind::kMove) {
                place.client_port += kMove;
                place.cluster_port += kMove;
            }
            return restart_after(a, for_ns);
        case FaultKind::kPause:
            oracle_.add_disturbance(now_ns, now_ns + for_ns, a, a);
            return place.process->pause(now_ns + for_ns);
        case FaultKind::kReload:
            return reload(a, /*authorization=*/prng_.percent(70));
        case FaultKind::kLameDuck:
            place.is_lame = true;
            place.lame_since_ns = now_ns;
            place.lame_restart_ns = for_ns;
            return place.process->enter_lame_duck();
        case FaultKind::kRough:
            oracle_.add_disturbance_of_all(now_ns, now_ns + for_ns);
            be_rough(true);
            return net_.after(for_ns, [this] { be_rough(false); });
        case FaultKind::kPools:
            if (draw_.is_leaf(a)) return;
            oracle_.add_disturbance_of_all(now_ns, now_ns + for_ns);
            return change_pools(draw_.cluster_of(a), for_ns);
        case FaultKind::kNames:
            if (draw_.is_leaf(a)) return;
            oracle_.add_disturbance_of_all(now_ns, now_ns + for_ns);
            ++renamed_count_;
            return reload_cluster(draw_.cluster_of(a), for_ns);
        case FaultKind::kDeny:
            // A server that does not run takes both reloads when it does.
            oracle_.add_denial(now_ns, std::max(now_ns + for_ns, place.process->awake_ns()), a);
            change_users(a, &Place::denies, true);
            return net_.after(for_ns, [this, a] { change_users(a, &Place::denies, false); });
        case FaultKind::kAccounts:
            oracle_.add_disturbance(now_ns, now_ns + for_ns, a, a);
            change_users(a, &Place::lacks_account, true);
            return net_.after(for_ns, [this, a] { change_users(a, &Place::lacks_account, false); });
    }
}

// A process that has no link left exits.
void ClusterWorld::end_lame_ducks() {
    for (uint32_t index = 0; index < places_.size(); ++index) {
        Place& place = places_[index];
        if (place.process == nullptr || !place.is_lame) continue;
        if (place.process->is_drained()) {
            oracle_.add_disturbance(place.lame_since_ns, net_.now_ns() + place.lame_restart_ns,
                                    index, index);
            crash(index, /*silent=*/false);
            restart_after(index, place.lame_restart_ns);
        } else if (net_.now_ns() - place.lame_since_ns >
                   kLameDuckMax_ms * base::kMillisecond_ns + kClientsSettleMax_ns) {
            fail(fmt::format("server {} is a lame duck for ever", index));
        }
    }
}

}  // namespace nuring::sim

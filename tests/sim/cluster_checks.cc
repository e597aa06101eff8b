// SPDX-License-Identifier: Apache-2.0
// ClusterWorld: what must hold at rest, and the marks of what has happened.
#include <algorithm>

#include "core/link/link.h"
#include "core/server_link/server_link.h"
#include "fmt/format.h"
#include "tests/sim/cluster_world.h"
#include "tests/sim/tenants.h"

namespace nuring::sim {

void ClusterWorld::check_at_rest() {
    if (const std::string error = oracle_.check_end(); !error.empty()) return fail(error);
    for (uint32_t index = 0; index < places_.size() && !failed(); ++index) {
        if (places_[index].process == nullptr)
            return fail(fmt::format("server {} does not run", index));
        check_links(index);
        check_interest(index);
    }
}

// Everybody is connected to everybody, and nothing is under way or kept.
void ClusterWorld::check_links(uint32_t index) {
    SimServer& process = *places_[index].process;
    std::set<std::string> wanted;
    for (uint32_t other = 0; other < places_.size(); ++other) {
        if (other == index || draw_.cluster_of(other) != draw_.cluster_of(index)) continue;
        wanted.insert(places_[other].process->server().facts().info.server_id);
    }
    std::set<std::string> found;
    size_t client_count = 0;
    for (uint32_t i = 0; i < process.worker_count(); ++i) {
        server::WorkerState& state = process.server().worker_state(i);
        state.host.table.for_each([&](link::Link& link) {
            if (link.kind() == proto::Kind::kClient) ++client_count;
            if (link.kind() != proto::Kind::kRoute) return;
            const auto& route = static_cast<const server_link::ServerLink&>(link);
            if (route.serving()) found.insert(route.remote_id());
        });
        if (state.host.slabs.lent_bytes() != 0) {
            fail(fmt::format("server {}: worker {} keeps {} bytes of slabs", index, i,
                             state.host.slabs.lent_bytes()));
        }
    }
    if (found != wanted) {
        fail(fmt::format("server {} has routes to {} servers instead of {}", index, found.size(),
                         wanted.size()));
    }
    const auto client_wanted = static_cast<size_t>(std::count_if(
        clients_.begin(), clients_.end(),
        [&](const auto& client) { return client->server() == index && !client->gone(); }));
    if (client_count != client_wanted) {
        fail(fmt::format("server {} has {} clients instead of {}", index, client_count,
                         client_wanted));
    }
}

uint64_t ClusterWorld::subscription_count(uint32_t index, uint32_t account) {
    account::AccountRegistry& accounts = places_[index].process->server().accounts();
    account::Account* const found =
        accounts.find(draw_.accounts > 1 ? kAccountNames[account] : "$G");
    return found == nullptr ? 0 : found->sublist().count();
}

// What each server holds is what its own clients want, and what the clients of each other one want, once.
void ClusterWorld::check_interest(uint32_t index) {
    if (!draw_.has_one_cluster()) return;  // others are told of what they may want, not of all
    for (uint32_t account = 0; account < draw_.accounts; ++account) {
        uint64_t own_count = 0;
        std::set<std::pair<uint32_t, std::string>> of_others;
        for (const ClusterOracle::Subscription& each : oracle_.subscriptions()) {
            const ClusterOracle::Client& client = oracle_.client(each.client);
            if (client.account != account || !oracle_.is_live(each)) continue;
            if (client.server == index) {
                ++own_count;
            } else {
                of_others.emplace(client.server, fmt::format("{} {}", each.pattern, each.queue));
            }
        }
        const uint64_t have =
            subscription_count(index, account) - places_[index].own_counts[account];
        if (have == own_count + of_others.size()) continue;
        return fail(fmt::format(
            "server {} has {} subscriptions of account {} instead of {} of its own clients and {} "
            "of others",
            index, have, account, own_count, of_others.size()));
    }
}

void ClusterWorld::note_counters() {
    for (Place& place : places_) {
        if (place.process == nullptr) continue;
        for (uint32_t i = 0; i < place.process->worker_count(); ++i) {
            const observe::WorkerCounters counters =
                place.process->server().worker_state(i).counters();
            if (counters.pauses != 0) marks_.emplace("reading-paused");
            if (counters.arrived_clients != 0) marks_.emplace("moved-client");
            if (counters.spilled_records != 0) marks_.emplace("spill");
            if (counters.shared_blocks != 0) marks_.emplace("shared-block");
            if (counters.replaced_members != 0) marks_.emplace("replaced-member");
            if (place.process->server().worker(i).stats().records != 0) marks_.emplace("hop");
            const ring::RingStats& ring = place.process->server().worker(i).ring().stats();
            if (ring.buffer_shortages != 0) marks_.emplace("buffer-shortage");
            if (ring.short_sends != 0) marks_.emplace("short-send");
        }
    }
    if (oracle_.demanded_afar_count() != 0) marks_.emplace("demanded-afar");
    if (oracle_.demanded_of_groups_count() != 0) marks_.emplace("demanded-of-group");
    if (oracle_.refused_count() != 0) marks_.emplace("no-responders");
    if (oracle_.demanded_afar_count() != 0 && draw_.clusters > 1)
        marks_.emplace("demanded-over-gateway");
    if (oracle_.demanded_afar_count() != 0 && draw_.leafs > 0)
        marks_.emplace("demanded-over-leafnode");
    if (oracle_.redirected_count() != 0) marks_.emplace("redirected-member");
}

}  // namespace nuring::sim

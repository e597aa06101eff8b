// SPDX-License-Identifier: Apache-2.0
// ClusterWorld: the servers, their configurations, starts and ends.
#include "fmt/format.h"
#include "tests/sim/cluster_world.h"
#include "tests/sim/tenants.h"

namespace nuring::sim {
namespace {

config::Url local_url(std::string_view user, uint16_t port) {
    const std::string login = user.empty() ? "" : fmt::format("{}:{}@", user, kSimPassword);
    return *config::parse_url(fmt::format("nats://{}127.0.0.1:{}", login, port));
}

}  // namespace

std::shared_ptr<config::Options> ClusterWorld::options(uint32_t index) const {
    const Place& place = places_[index];
    auto options = std::make_shared<config::Options>();
    options->host = "127.0.0.1";
    options->port = place.client_port;
    options->server_name = fmt::format("s{}", index);
    options->ping_interval = std::chrono::milliseconds(draw_.ping_ms);
    options->ping_max = 2;
    options->uring.cache_entries = static_cast<int64_t>(draw_.cache);
    options->uring.locality = draw_.move_permille != 0;
    if (draw_.max_pending != 0) options->max_pending = static_cast<int64_t>(draw_.max_pending);
    options->lame_duck_grace_period = std::chrono::milliseconds(100);
    options->lame_duck_duration = std::chrono::seconds(1);
    options->authorization.timeout =
        std::chrono::hours(1);  // slow networks are not what this is about
    if (draw_.accounts > 1) {
        for (const char* name : kAccountNames) {
            if (place.lacks_account && name != kAccountNames[0]) continue;
            options->accounts.push_back({.name = name});
            config::User user{.name = name, .password = kSimPassword, .account = name};
            if (place.denies) {
                user.permissions.emplace().subscribe.deny.assign(std::begin(kDeniedSubjects),
                                                                 std::end(kDeniedSubjects));
            }
            options->authorization.users.push_back(std::move(user));
        }
    }
    add_routes(index, options.get());
    if (draw_.clusters > 1 && !draw_.is_leaf(index)) add_gateways(index, options.get());
    if (draw_.leafs > 0) add_leafnodes(index, options.get());
    config::complete(options.get());
    return options;
}

// A leafnode stands alone.
void ClusterWorld::add_routes(uint32_t index, config::Options* options) const {
    if (draw_.is_leaf(index)) return;
    config::ClusterOptions& cluster = options->cluster;
    if (draw_.named != 0) cluster.name = fmt::format("c{}", draw_.cluster_of(index));
    if (renamed_count_ != 0) cluster.name += fmt::format("n{}", renamed_count_);
    cluster.host = "127.0.0.1";
    cluster.port = places_[index].cluster_port;
    cluster.compression.mode = kCompressions[draw_.compression];
    const Pools& pools = pools_[draw_.cluster_of(index)];
    cluster.pool_size = pools.size == 0 ? -1 : static_cast<int>(pools.size);
    if (draw_.accounts > 1 && pools.size != 0) {
        cluster.pinned_accounts.assign(kAccountNames, kAccountNames + pools.pinned);
    }
    for (uint32_t other = 0; other < draw_.servers; ++other) {
        if (draw_.cluster_of(other) != draw_.cluster_of(index)) continue;
        cluster.routes.push_back(local_url("", places_[other].cluster_port));
        if (draw_.seeds_only != 0) break;
    }
}

void ClusterWorld::add_gateways(uint32_t index, config::Options* options) const {
    config::GatewayOptions& gateway = options->gateway;
    gateway.name = options->cluster.name;
    gateway.host = "127.0.0.1";
    gateway.port = places_[index].gateway_port;
    for (uint64_t cluster = 0; cluster < draw_.clusters; ++cluster) {
        config::RemoteGateway remote;
        remote.name = fmt::format("c{}", cluster);
        for (uint32_t other = 0; other < draw_.servers; ++other) {
            if (draw_.cluster_of(other) != cluster) continue;
            remote.urls.push_back(local_url("", places_[other].gateway_port));
        }
        gateway.gateways.push_back(std::move(remote));
    }
}

// One connection for each account, to any server of the first cluster, or to the leafnode before this one.
void ClusterWorld::add_leafnodes(uint32_t index, config::Options* options) const {
    config::LeafnodeOptions& leafnodes = options->leafnodes;
    leafnodes.compression.mode = kCompressions[draw_.compression];
    const bool is_chained = draw_.chained != 0 && index > draw_.servers;
    if (draw_.is_leaf(index) ? draw_.chained != 0 : draw_.cluster_of(index) == 0) {
        leafnodes.host = "127.0.0.1";
        leafnodes.port = places_[index].leafnode_port;
    }
    if (!draw_.is_leaf(index)) return;
    for (uint64_t account = 0; account < draw_.accounts; ++account) {
        config::RemoteLeafnode remote;
        if (draw_.accounts > 1) remote.account = kAccountNames[account];
        remote.compression.mode = leafnodes.compression.mode;
        for (uint32_t other = 0; other < draw_.places(); ++other) {
            const bool is_hub = is_chained ? other + 1 == index
                                           : !draw_.is_leaf(other) && draw_.cluster_of(other) == 0;
            if (is_hub)
                remote.urls.push_back(local_url(remote.account, places_[other].leafnode_port));
        }
        leafnodes.remotes.push_back(std::move(remote));
    }
}

void ClusterWorld::start(uint32_t index) {
    Place& place = places_[index];
    if (failed() || place.process != nullptr) return;
    net_.bring_up(index);
    place.lacks_account = false;
    SimServerSetup setup;
    setup.host = index;
    const auto start_options = options(index);
    place.routes = start_options->cluster.routes;
    setup.options = start_options;
    setup.worker_count = place.worker_count;
    setup.ring.receive_buffer_bytes = static_cast<uint32_t>(draw_.receive_bytes);
    setup.ring.receive_buffer_count_max = static_cast<uint32_t>(draw_.receive_count);
    setup.mailbox_bytes = draw_.mailbox_bytes;
    setup.released_per_turn = draw_.released;
    setup.share_bytes = draw_.share_bytes;
    setup.on_log = [this, index](std::string_view line) { note_log(index, line); };
    place.process = std::make_unique<SimServer>(net_, std::move(setup));
    place.is_lame = false;
    // A greater made-up name is adopted by all, who end their routes for it.
    if (draw_.named == 0) oracle_.add_disturbance_of_all(net_.now_ns(), net_.now_ns());
    say(fmt::format("server {} starts", index));
    if (const std::string error = place.process->start(); !error.empty()) fail(error);
    place.own_counts.clear();
    for (uint32_t account = 0; account < draw_.accounts; ++account) {
        place.own_counts.push_back(subscription_count(index, account));
    }
}

void ClusterWorld::crash(uint32_t index, bool silent) {
    say(fmt::format("server {} crashes", index));
    SimServer& process = *places_[index].process;
    process.crash(silent);
    process.flush_log();
    bury(std::move(places_[index].process));
}

// What crashed stays as it was, like a core dump: it has requests under way.
void ClusterWorld::bury(std::unique_ptr<SimServer> process) {
    static auto* const crashed = new std::vector<std::unique_ptr<SimServer>>();
    crashed->push_back(std::move(process));
}

void ClusterWorld::restart_after(uint32_t index, uint64_t delay_ns) {
    net_.after(delay_ns, [this, index] { start(index); });
}

}  // namespace nuring::sim

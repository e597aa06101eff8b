// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/cluster_world.h"

#include <algorithm>
#include <array>

#include "core/link/link.h"
#include "core/server_link/server_link.h"
#include "fmt/format.h"
#include "tests/sim/tenants.h"

namespace nuring::sim {
namespace {

constexpr uint64_t kOneMs = 1'000'000;
constexpr uint64_t kClientsSettleMax_ns = 120'000 * kOneMs;
constexpr uint64_t kRestMax_ns = 5'000'000'000;
constexpr uint64_t kWorkerPauseMax_ns = 5 * kOneMs;
constexpr uint32_t kWorkerBeforeEventPercent = 70;  // a worker runs rather than the next event
// Time does not leap while a worker is ready: a large message would take as many leaps as it has pieces, and
// outlast the PINGs. Longer waits are drawn: hiccups, pauses.
constexpr uint64_t kReadyWorkerWaitsMax_ns = 1'000'000;
constexpr uint64_t kRetry_ns = 5 * kOneMs;  // of a client that cannot act now
constexpr uint16_t kFirstClientPort = 4000;
constexpr uint16_t kFirstClusterPort = 6000;
constexpr uint16_t kFirstGatewayPort = 8000;
constexpr uint16_t kFirstLeafnodePort = 10000;
constexpr uint16_t kMove = 100;  // to the ports of the next address

// What a log line says has happened. A nightly run fails if one of them never comes up.
struct LogMark {
    std::string_view text;
    std::string_view mark;
};
constexpr std::array kLogMarks = {
    LogMark{"Detected duplicate remote route", "duplicate-route"},
    LogMark{"Stale Connection", "stale-connection"},
    LogMark{"Cluster name updated", "cluster-name-adopted"},
    LogMark{"Error trying to connect to route", "dial-failed"},
    LogMark{"i/o timeout", "dial-lost"},
    LogMark{"is known already", "replayed-gossip"},
    LogMark{"Local subscriptions wait for room", "sync-without-room"},
    LogMark{"Slow Consumer", "slow-consumer"},
};

std::vector<uint64_t> clusters_of(const ClusterDraw& draw) {
    std::vector<uint64_t> clusters;
    for (uint64_t place = 0; place < draw.places(); ++place)
        clusters.push_back(draw.cluster_of(place));
    return clusters;
}

config::Url local_url(std::string_view user, uint16_t port) {
    const std::string login = user.empty() ? "" : fmt::format("{}:{}@", user, kSimPassword);
    return *config::parse_url(fmt::format("nats://{}127.0.0.1:{}", login, port));
}

// What crashed stays as it was, like a core dump: it has requests under way.
std::vector<std::unique_ptr<SimServer>>& graveyard() {
    static auto* const crashed = new std::vector<std::unique_ptr<SimServer>>();
    return *crashed;
}

}  // namespace

ClusterWorld::ClusterWorld(const ClusterDraw& draw, bool verbose)
    : WorldLog(net_, verbose),
      draw_(draw),
      prng_(draw.dice ^ 0x574f'524c'44ULL),
      net_(draw.dice, faults(/*is_rough=*/false)),
      oracle_(draw.settle_ms() * kOneMs, clusters_of(draw)),
      places_(draw.places()),
      pools_(draw.clusters, Pools{draw.pool, draw.pinned}) {}

ClusterWorld::~ClusterWorld() {
    clients_.clear();
    for (Place& place : places_) {
        if (place.process != nullptr) graveyard().push_back(std::move(place.process));
    }
}

void ClusterWorld::note_log(uint32_t place, std::string_view line) {
    for (const LogMark& each : kLogMarks) {
        if (line.find(each.text) != std::string_view::npos) marks_.emplace(each.mark);
    }
    if (line.find("Slow Consumer") != std::string_view::npos) {
        oracle_.add_disturbance(net_.now_ns(), net_.now_ns(), place, place);
    }
    say(fmt::format("server {} logs: {}", place, line));
}

// -------------------------------------------------------------------------------- the servers

SimFaults ClusterWorld::faults(bool is_rough) const {
    const auto small = [](uint64_t value) { return static_cast<uint32_t>(value); };
    SimFaults faults;
    faults.latency_max_ns = std::max(draw_.latency_us * 1'000, faults.latency_min_ns);
    faults.split_percent = small(draw_.split_percent);
    faults.stall_permille = small(draw_.stall_permille);
    faults.short_receive_percent = small(draw_.short_receive_percent);
    faults.short_send_percent = small(draw_.short_send_percent);
    faults.delay_percent = small(draw_.delay_percent);
    faults.spurious_wake_permille = small(draw_.spurious_permille);
    faults.partial_turn_percent = small(draw_.partial_percent);
    faults.wall_jump_permille = small(draw_.jump_permille);
    faults.stream_bytes_min = std::max<uint64_t>(draw_.stream_bytes / 4, 64);
    faults.stream_bytes_max = std::max<uint64_t>(draw_.stream_bytes, 64);
    if (!is_rough) return faults;
    faults.reset_permille = small(draw_.reset_permille);
    faults.connect_refusal_permille = small(draw_.refusal_permille);
    faults.connect_loss_permille = small(draw_.loss_permille);
    faults.accept_failure_permille = small(draw_.emfile_permille);
    return faults;
}

std::shared_ptr<config::Options> ClusterWorld::options(uint32_t index) const {
    const Place& place = places_[index];
    auto options = std::make_shared<config::Options>();
    options->host = "127.0.0.1";
    options->port = place.client_port;
    options->server_name = fmt::format("s{}", index);
    options->ping_interval = std::chrono::milliseconds(draw_.ping_ms);
    options->ping_max = 2;
    options->uring.cache_entries = static_cast<int64_t>(draw_.cache);
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
    graveyard().push_back(std::move(places_[index].process));
}

void ClusterWorld::restart_after(uint32_t index, uint64_t delay_ns) {
    net_.after(delay_ns, [this, index] { start(index); });
}

// --------------------------------------------------------------------------------- the faults

void ClusterWorld::deny(uint32_t index, bool on) {
    Place& place = places_[index];
    place.denies = on;
    if (place.process != nullptr && !place.is_lame) reload(index, /*authorization=*/true);
}

void ClusterWorld::lack_account(uint32_t index, bool on) {
    Place& place = places_[index];
    place.lacks_account = on;
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
    const uint64_t for_ns = fault.for_ms * kOneMs;
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
            deny(a, true);
            return net_.after(for_ns, [this, a] { deny(a, false); });
        case FaultKind::kAccounts:
            oracle_.add_disturbance(now_ns, now_ns + for_ns, a, a);
            lack_account(a, true);
            return net_.after(for_ns, [this, a] { lack_account(a, false); });
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
                   kLameDuckMax_ms * kOneMs + kClientsSettleMax_ns) {
            fail(fmt::format("server {} is a lame duck for ever", index));
        }
    }
}

// ---------------------------------------------------------------------------------- the clients

void ClusterWorld::add_client() {
    if (!acting_ || failed()) return;
    std::vector<uint32_t> up;
    for (uint32_t index = 0; index < places_.size(); ++index) {
        if (places_[index].process != nullptr && !places_[index].is_lame) up.push_back(index);
    }
    if (up.empty()) return net_.after(kRetry_ns, [this] { add_client(); });
    const uint32_t server = up[prng_.below(static_cast<uint32_t>(up.size()))];
    clients_.push_back(std::make_unique<ClusterClient>(
        *this, net_, oracle_, draw_, prng_.next(), server, places_[server].process->client_port()));
    schedule_action(*clients_.back());
}

// The operations are spread over the whole time. A client that has gone is followed by another one.
void ClusterWorld::schedule_action(ClusterClient& client) {
    const uint64_t mean_ns =
        draw_.end_ms() * kOneMs * draw_.clients / std::max<uint64_t>(draw_.operations, 1);
    net_.after(net_.between(0, 2 * mean_ns), [this, &client] {
        if (!acting_ || failed()) return;
        if (client.gone()) return add_client();
        client.act();
        schedule_action(client);
    });
}

void ClusterWorld::settle_clients() {
    for (auto& client : clients_) client->read_on();
    for (auto& client : clients_) client->fence();
    run_until(
        [this] {
            return std::all_of(clients_.begin(), clients_.end(),
                               [](const auto& client) { return client->settled(); });
        },
        kClientsSettleMax_ns, "clients settle");
}

// ----------------------------------------------------------------------------------- scheduling

void ClusterWorld::run_worker(SimServer& server, uint32_t worker) {
    server.run(worker);
    server.flush_log();
    if (net_.permille(static_cast<uint32_t>(draw_.hiccup_permille))) {
        server.pause_worker(worker, net_.now_ns() + net_.between(0, kWorkerPauseMax_ns));
    }
    if (net_.permille(static_cast<uint32_t>(draw_.skew_permille))) {
        server.server().facts().worker_loads.set_busy(static_cast<base::WorkerId>(worker),
                                                      prng_.below(101) / 100.0, net_.now_ns());
    }
}

bool ClusterWorld::step(bool timers) {
    if (++step_count_ > kStepsMax) {
        fail("no end of steps: " + describe_stuck());
        return false;
    }
    std::vector<std::pair<SimServer*, uint32_t>> runnable;
    uint64_t wake_ns = UINT64_MAX;
    for (Place& place : places_) {
        if (place.process == nullptr) continue;
        SimServer& server = *place.process;
        for (uint32_t i = 0; i < server.worker_count(); ++i) {
            if (server.is_runnable(i)) {
                runnable.emplace_back(&server, i);
            } else if (timers || server.is_asleep(i)) {
                wake_ns = std::min(wake_ns, server.wake_ns(i));
            }
        }
    }
    const uint64_t event_ns = net_.next_event_ns();
    const bool would_leap = std::min(event_ns, wake_ns) > net_.now_ns() + kReadyWorkerWaitsMax_ns;
    if (!runnable.empty() && (would_leap || prng_.percent(kWorkerBeforeEventPercent))) {
        const auto [server, worker] = runnable[prng_.below(static_cast<uint32_t>(runnable.size()))];
        run_worker(*server, worker);
        end_lame_ducks();
        return true;
    }
    if (event_ns == UINT64_MAX && wake_ns == UINT64_MAX) return false;
    if (event_ns <= wake_ns) return net_.step();
    net_.advance_to(wake_ns);
    return true;
}

void ClusterWorld::run_until(const std::function<bool()>& condition, uint64_t limit_ns,
                             const char* what) {
    const uint64_t give_up_ns = net_.now_ns() + limit_ns;
    while (!failed() && !condition()) {
        const bool moved = step(/*timers=*/true);
        if (failed()) return;
        if (moved && net_.now_ns() < give_up_ns) continue;
        return fail(fmt::format("{}: {}", what, describe_stuck()));
    }
}

void ClusterWorld::pass(uint64_t ns) {
    const uint64_t until_ns = net_.now_ns() + ns;
    net_.at(until_ns, [] {});
    while (!failed() && net_.now_ns() < until_ns) step(/*timers=*/true);
}

void ClusterWorld::come_to_rest() {
    // What is due much later is left: time that leaps while a send is under way would end that connection.
    const uint64_t end_ns = net_.now_ns() + kRestMax_ns;
    const auto restless = [this, end_ns] {
        if (net_.next_event_ns() <= end_ns) return true;
        return std::any_of(places_.begin(), places_.end(), [](const Place& place) {
            if (place.process == nullptr) return false;
            for (uint32_t i = 0; i < place.process->worker_count(); ++i) {
                if (place.process->is_runnable(i) || place.process->is_asleep(i)) return true;
            }
            return false;
        });
    };
    while (!failed() && restless()) step(/*timers=*/false);
}

bool ClusterWorld::run() {
    say(draw_.describe());
    net_.set_on_reset([this](HostId a, HostId b) {
        marks_.emplace("random-reset");
        if (a != kAnywhere && b != kAnywhere)
            oracle_.add_disturbance(net_.now_ns(), net_.now_ns(), a, b);
    });
    if (verbose() || meddler_) {
        net_.set_meddler([this](HostId from, HostId to, std::string bytes) {
            if (meddler_) bytes = meddler_(from, to, std::move(bytes));
            say(fmt::format("server {} to {}: {}", from, to, bytes));
            return bytes;
        });
    }
    for (uint32_t index = 0; index < places_.size(); ++index) {
        Place& place = places_[index];
        place.worker_count = 1 + prng_.below(static_cast<uint32_t>(draw_.workers));
        place.client_port = static_cast<uint16_t>(kFirstClientPort + index);
        place.cluster_port = static_cast<uint16_t>(kFirstClusterPort + index);
        place.gateway_port = static_cast<uint16_t>(kFirstGatewayPort + index);
        place.leafnode_port = static_cast<uint16_t>(kFirstLeafnodePort + index);
    }
    for (uint32_t index = 0; index < places_.size(); ++index) {
        const uint64_t delay_ns = net_.between(0, 300 * kOneMs);
        oracle_.add_disturbance(0, net_.now_ns() + delay_ns, index, index);
        restart_after(index, delay_ns);
    }
    const uint64_t begin_ns = net_.now_ns();
    for (const Fault& fault : draw_.faults) {
        net_.at(begin_ns + fault.at_ms * kOneMs, [this, &fault] { happen(fault); });
    }
    for (uint64_t i = 0; i < draw_.clients; ++i) {
        net_.after(net_.between(300 * kOneMs, 1'000 * kOneMs), [this] { add_client(); });
    }
    pass(draw_.end_ms() * kOneMs);
    acting_ = false;
    settle_clients();
    pass(draw_.settle_ms() * kOneMs);
    settle_clients();
    come_to_rest();
    if (!failed()) check_at_rest();
    note_counters();
    return !failed();
}

// ------------------------------------------------------------------------------------- checkers

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
            if (counters.spilled_records != 0) marks_.emplace("spill");
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

std::string ClusterWorld::describe_stuck() const {
    std::string text = fmt::format("nothing moves at {} ns", net_.now_ns());
    for (const auto& client : clients_) {
        if (!client->settled()) text += "\n  " + client->describe();
    }
    return text;
}

std::string ClusterWorld::describe_work() const {
    return fmt::format(
        "{} steps, {} clients, {} received, {} demanded ({} afar, {} of groups), {} refused, {} ms",
        step_count_, clients_.size(), oracle_.received_count(), oracle_.demanded_count(),
        oracle_.demanded_afar_count(), oracle_.demanded_of_groups_count(), oracle_.refused_count(),
        net_.now_ns() / kOneMs);
}

}  // namespace nuring::sim

// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/cluster_world.h"

#include <algorithm>
#include <array>

#include "core/base/time_units.h"
#include "fmt/format.h"
#include "tests/sim/moves.h"

namespace nuring::sim {
namespace {

constexpr uint64_t kRestMax_ns = 5'000'000'000;
constexpr uint64_t kWorkerPauseMax_ns = 5 * base::kMillisecond_ns;
constexpr uint32_t kWorkerBeforeEventPercent = 70;  // a worker runs rather than the next event
// Time does not leap while a worker is ready: a large message would take as many leaps as it has pieces, and
// outlast the PINGs. Longer waits are drawn: hiccups, pauses.
constexpr uint64_t kReadyWorkerWaitsMax_ns = 1'000'000;
constexpr uint64_t kRetry_ns = 5 * base::kMillisecond_ns;  // of a client that cannot act now
constexpr uint16_t kFirstClientPort = 4000;
constexpr uint16_t kFirstClusterPort = 6000;
constexpr uint16_t kFirstGatewayPort = 8000;
constexpr uint16_t kFirstLeafnodePort = 10000;

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

}  // namespace

ClusterWorld::ClusterWorld(const ClusterDraw& draw, bool verbose)
    : WorldLog(net_, verbose),
      draw_(draw),
      prng_(draw.dice ^ 0x574f'524c'44ULL),
      net_(draw.dice, faults(/*is_rough=*/false)),
      oracle_(draw.settle_ms() * base::kMillisecond_ns, clusters_of(draw)),
      places_(draw.places()),
      pools_(draw.clusters, Pools{draw.pool, draw.pinned}) {}

ClusterWorld::~ClusterWorld() {
    clients_.clear();
    for (Place& place : places_) {
        if (place.process != nullptr) bury(std::move(place.process));
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

SimFaults ClusterWorld::faults(bool is_rough) const {
    const auto small = [](uint64_t value) { return static_cast<uint32_t>(value); };
    SimFaults faults;
    faults.latency_max_ns = std::max(draw_.latency_us * 1'000, faults.latency_min_ns);
    faults.split_percent = small(draw_.split_percent);
    faults.stall_permille = small(draw_.stall_permille);
    faults.short_receive_percent = small(draw_.short_receive_percent);
    faults.short_send_percent = small(draw_.short_send_percent);
    faults.delay_percent = small(draw_.delay_percent);
    faults.late_cancel_percent = small(draw_.late_cancel_percent);
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
        draw_.end_ms() * base::kMillisecond_ns * draw_.clients / std::max<uint64_t>(draw_.operations, 1);
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
    if (moving_ && net_.permille(static_cast<uint32_t>(draw_.move_permille))) {
        ask_to_move(server.server(), worker, prng_, &moves_with_subscriptions_);
        // Another worker is behind: what is in its mailboxes must not be overtaken.
        if (prng_.percent(30)) {
            server.pause_worker(prng_.below(server.worker_count()),
                                net_.now_ns() + net_.between(0, kWorkerPauseMax_ns));
        }
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
    moving_ = false;  // else it might never end
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
        const uint64_t delay_ns = net_.between(0, 300 * base::kMillisecond_ns);
        oracle_.add_disturbance(0, net_.now_ns() + delay_ns, index, index);
        restart_after(index, delay_ns);
    }
    const uint64_t begin_ns = net_.now_ns();
    for (const Fault& fault : draw_.faults) {
        net_.at(begin_ns + fault.at_ms * base::kMillisecond_ns, [this, &fault] { happen(fault); });
    }
    for (uint64_t i = 0; i < draw_.clients; ++i) {
        net_.after(net_.between(300 * base::kMillisecond_ns, base::kSecond_ns), [this] { add_client(); });
    }
    pass(draw_.end_ms() * base::kMillisecond_ns);
    acting_ = false;
    settle_clients();
    pass(draw_.settle_ms() * base::kMillisecond_ns);
    settle_clients();
    come_to_rest();
    if (!failed()) check_at_rest();
    note_counters();
    return !failed();
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
        "{} steps, {} clients, {} received, {} demanded ({} afar, {} of groups), {} refused, "
        "{} moves with subscriptions, {} ms",
        step_count_, clients_.size(), oracle_.received_count(), oracle_.demanded_count(),
        oracle_.demanded_afar_count(), oracle_.demanded_of_groups_count(), oracle_.refused_count(),
        moves_with_subscriptions_, net_.now_ns() / base::kMillisecond_ns);
}

}  // namespace nuring::sim

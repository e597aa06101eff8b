// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/world.h"

#include <algorithm>
#include <cstdio>

#include "core/link/link.h"
#include "fmt/format.h"
#include "tests/sim/moves.h"

namespace nuring::sim {
namespace {

constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kSettleMax_ns = 120'000 * kMs;
constexpr uint64_t kRetryMax_ns = kMs;  // of a client that cannot act now
constexpr uint64_t kHiccupMax_ns = 5 * kMs;
constexpr uint32_t kWorkerFirstPercent = 70;  // a worker runs rather than the next event
constexpr uint64_t kCheckEvery = 64;          // steps
// One frame may go over max_pending before the link is closed.
constexpr uint64_t kPendingSlackBytes = 128 * 1024;

}  // namespace

World::World(uint64_t seed, bool verbose)
    : WorldLog(net_, verbose),
      seed_(seed),
      swarm_(draw_swarm(seed)),
      prng_(seed ^ 0x574f'524c'44ULL),
      net_(seed, swarm_.faults),
      asleep_until_ns_(swarm_.worker_count, 0),
      operations_left_(swarm_.operation_count) {}

World::~World() {
    clients_.clear();
    // A server that failed in the middle has links under way and cannot be taken apart.
    if (failed()) {
        (void)server_.release();
        (void)logger_.release();
        for (auto& ring : rings_) (void)ring.release();
    }
}

// -------------------------------------------------------------------------------- construction

std::shared_ptr<config::Options> World::options() const {
    auto options = std::make_shared<config::Options>();
    options->host = "127.0.0.1";
    options->port = config::kPortRandom;
    options->max_pending = static_cast<int64_t>(swarm_.max_pending_bytes);
    options->ping_interval = std::chrono::nanoseconds(swarm_.ping_interval_ns);
    options->uring.cache_entries = swarm_.cache_entries;
    options->uring.locality = swarm_.move_permille != 0;
    options->uring.busy_poll = std::chrono::nanoseconds(swarm_.busy_poll_ns);
    if (swarm_.login) {
        if (swarm_.tenants) {
            add_tenants(options.get());
        } else {
            options->authorization.user = kSimUsers[0].name;
            options->authorization.password = kSimPassword;
        }
        // Slow networks are not what this is about.
        options->authorization.timeout = std::chrono::hours(1);
    }
    options->write_deadline = std::chrono::nanoseconds(swarm_.write_deadline_ns);
    options->lame_duck_grace_period = std::chrono::milliseconds(100);
    options->lame_duck_duration = std::chrono::seconds(5);
    config::complete(options.get());
    return options;
}

void World::start_server() {
    log::LoggerOptions log_options;
    log_options.writer_count = 1 + swarm_.worker_count;
    log_options.ring_bytes = 64 * 1024;
    logger_ = std::make_unique<log::Logger>(log_options);

    server::ServerSetup setup;
    setup.options = options();
    setup.logger = logger_.get();
    setup.mailbox_bytes = swarm_.mailbox_bytes;
    setup.jobs = setup.handshake_jobs = setup.lookup_jobs = &jobs_;
    for (uint32_t i = 0; i < swarm_.worker_count; ++i) {
        rings_.push_back(std::make_unique<SimRing>(net_, swarm_.ring, SimRing::Waiting::kInWorld));
        setup.rings.push_back(rings_.back().get());
    }
    server_ = std::make_unique<server::Server>(std::move(setup));
    if (const absl::Status status = server_->listen(); !status.ok()) {
        return fail(fmt::format("listen: {}", status.ToString()));
    }
    for (uint32_t i = 0; i < swarm_.worker_count; ++i) {
        if (swarm_.released_per_turn != 0) {
            server_->worker_state(i).host.set_released_per_turn(swarm_.released_per_turn);
        }
        if (swarm_.share_bytes != 0)
            server_->worker_state(i).host.input.set_block_bytes_min(swarm_.share_bytes);
        if (!server_->worker(i).start().ok()) return fail("a worker does not start");
    }
    own_subscriptions_ = subscription_count();
}

// What it changes, nobody here can notice; that everybody is asked for anew must not show either.
void World::reload() {
    if (!acting_) return;
    auto changed = options();
    changed->max_subscriptions = 1000 + static_cast<int64_t>(prng_.below(100));
    server_->apply(changed, nullptr, /*authorization=*/prng_.percent(70));
}

void World::add_client() {
    clients_.push_back(std::make_unique<SimClient>(*this, net_, oracle_, swarm_, prng_.next(),
                                                   server_->client_listener().port));
    schedule_action(*clients_.back(), swarm_.think_max_ns);
}

void World::schedule_action(SimClient& client, uint64_t delay_max_ns) {
    net_.after(net_.between(0, delay_max_ns), [this, &client] {
        if (!acting_ || operations_left_ == 0 || client.gone()) return;
        const bool acted = client.act();
        if (acted) --operations_left_;
        schedule_action(client, acted ? swarm_.think_max_ns : kRetryMax_ns);
    });
}

// ----------------------------------------------------------------------------------- scheduling

bool World::is_runnable(uint32_t index) const {
    if (net_.now_ns() < asleep_until_ns_[index]) return false;
    const uint64_t until_ns = server_->worker(index).wait_until_ns();
    return until_ns <= net_.now_ns() || rings_[index]->ready();
}

void World::run_worker(uint32_t index) {
    server_->worker(index).turn();
    if (net_.permille(swarm_.hiccup_permille)) {
        asleep_until_ns_[index] = net_.now_ns() + net_.between(0, kHiccupMax_ns);
    }
    if (net_.permille(swarm_.skew_permille)) {
        server_->facts().worker_loads.set_busy(static_cast<base::WorkerId>(index), prng_.below(101) / 100.0,
                                               net_.now_ns());
    }
    if (moving_ && net_.permille(swarm_.move_permille)) {
        ask_to_move(*server_, index, prng_, &moves_with_subscriptions_);
        // Another worker is behind: what is in its mailboxes must not be overtaken.
        if (prng_.percent(30)) {
            const uint64_t until_ns = net_.now_ns() + net_.between(0, kHiccupMax_ns);
            asleep_until_ns_[prng_.below(swarm_.worker_count)] = until_ns;
        }
    }
}

bool World::step(bool timers) {
    if (++step_count_ > kStepsMax) {
        fail("no end of steps: " + describe_stuck());
        return false;
    }
    if (step_count_ % kCheckEvery == 0) check_bounds();
    std::vector<uint32_t> runnable;
    uint64_t wake_ns = UINT64_MAX;
    for (uint32_t i = 0; i < swarm_.worker_count; ++i) {
        if (is_runnable(i)) {
            runnable.push_back(i);
        } else if (net_.now_ns() < asleep_until_ns_[i]) {
            wake_ns = std::min(wake_ns, asleep_until_ns_[i]);
        } else if (timers) {
            wake_ns = std::min(wake_ns, server_->worker(i).wait_until_ns());
        }
    }
    const uint64_t event_ns = net_.next_event_ns();
    if (!runnable.empty() && (event_ns == UINT64_MAX || prng_.percent(kWorkerFirstPercent))) {
        run_worker(runnable[prng_.below(static_cast<uint32_t>(runnable.size()))]);
        return true;
    }
    if (runnable.empty() && net_.permille(net_.faults().spurious_wake_permille)) {
        const uint32_t index = prng_.below(swarm_.worker_count);
        if (net_.now_ns() >= asleep_until_ns_[index]) {
            run_worker(index);
            return true;
        }
    }
    if (event_ns <= wake_ns) return net_.step();
    net_.advance_to(wake_ns);
    return true;
}

void World::run_until(const std::function<bool()>& condition, uint64_t limit_ns, const char* what) {
    const uint64_t give_up_ns = net_.now_ns() + limit_ns;
    while (!failed() && !condition()) {
        const bool moved = step(/*timers=*/true);
        if (failed()) return;
        if (moved && net_.now_ns() < give_up_ns) continue;
        return fail(fmt::format("{}: {}", what, describe_stuck()));
    }
}

void World::come_to_rest() {
    const auto restless = [this] {
        if (net_.next_event_ns() != UINT64_MAX) return true;
        for (uint32_t i = 0; i < swarm_.worker_count; ++i) {
            if (is_runnable(i) || net_.now_ns() < asleep_until_ns_[i]) return true;
        }
        return false;
    };
    moving_ = false;  // else it would never end
    while (!failed() && restless()) step(/*timers=*/false);
    moving_ = true;
}

bool World::run() {
    if (verbose()) fmt::print(stderr, "seed {}: {}\n", seed_, swarm_.describe());
    start_server();
    for (uint32_t i = 0; i < swarm_.client_count && !failed(); ++i) add_client();
    for (uint32_t i = 0; i < swarm_.later_client_count; ++i) {
        net_.after(net_.between(0, swarm_.think_max_ns * 50), [this] {
            if (acting_) add_client();  // else all others have gone, and who comes now would not be asked
        });
    }
    for (uint32_t i = 0; i < swarm_.reload_count; ++i) {
        net_.after(net_.between(0, swarm_.think_max_ns * 100), [this] { reload(); });
    }
    const auto all_gone = [this] {
        return std::all_of(clients_.begin(), clients_.end(),
                           [](const auto& client) { return client->gone(); });
    };
    run_until([&] { return operations_left_ == 0 || all_gone(); }, kSettleMax_ns, "clients act");

    acting_ = false;
    SimFaults calm = swarm_.faults;
    calm.reset_permille = 0;
    calm.accept_failure_permille = 0;
    net_.set_faults(calm);
    for (auto& client : clients_) client->read_on();
    for (auto& client : clients_) client->fence();
    run_until(
        [this] {
            return std::all_of(clients_.begin(), clients_.end(),
                               [](const auto& client) { return client->settled(); });
        },
        kSettleMax_ns, "clients settle");
    // A link whose receive is paused notices the reset of its client only at the end of the pause.
    run_until([this] { return link_count() == connected_client_count(); }, kSettleMax_ns,
              "links of reset clients go");
    come_to_rest();
    if (!failed()) check_at_rest();

    for (auto& client : clients_) {
        swarm_.ends_as_lame_duck ? client->expect_end() : client->leave_in_order();
    }
    if (swarm_.ends_as_lame_duck) server_->enter_lame_duck();
    run_until([this] { return link_count() == 0; }, kSettleMax_ns, "links go");
    come_to_rest();
    if (!failed()) check_empty();

    if (!swarm_.ends_as_lame_duck) server_->stop();
    run_until([this] { return server_->drained_count() == swarm_.worker_count; }, kSettleMax_ns,
              "the server stops");
    come_to_rest();
    if (!failed() && net_.descriptor_count() != 0) fail("the listening socket was not closed");
    return !failed();
}

// ------------------------------------------------------------------------------------- checkers

size_t World::link_count() const {
    size_t count = 0;
    for (uint32_t i = 0; i < swarm_.worker_count; ++i)
        count += server_->worker_state(i).host.table.count();
    return count;
}

size_t World::connected_client_count() const {
    return static_cast<size_t>(std::count_if(clients_.begin(), clients_.end(),
                                             [](const auto& client) { return !client->gone(); }));
}

uint64_t World::subscription_count() const {
    uint64_t count = 0;
    for (const std::string_view name : {account::kGlobalAccount, kHome, kAway}) {
        const account::Account* const account = server_->accounts().find(name);
        if (account != nullptr) count += account->sublist().count();
    }
    return count - own_subscriptions_;
}

uint64_t World::replaced_members() const {
    uint64_t count = 0;
    for (uint32_t i = 0; i < swarm_.worker_count; ++i) {
        count += server_->worker_state(i).counters().replaced_members;
    }
    return count;
}

void World::check_bounds() {
    for (uint32_t i = 0; i < swarm_.worker_count; ++i) {
        server_->worker_state(i).host.table.for_each([&](link::Link& link) {
            if (link.pending_bytes() <= swarm_.max_pending_bytes + kPendingSlackBytes) return;
            fail(fmt::format("{} has {} bytes pending", link.label(), link.pending_bytes()));
        });
    }
}

void World::check_at_rest() {
    if (const std::string error = oracle_.check_end(replaced_members() != 0); !error.empty()) {
        return fail(error);
    }
    for (uint32_t i = 0; i < swarm_.worker_count; ++i) {
        link::LinkHost& links = server_->worker_state(i).host;
        links.input.take_back();  // a worker without work has not asked for them
        if (rings_[i]->lent_buffer_count() != 0) {
            fail(fmt::format("worker {} keeps {} receive buffers", i,
                             rings_[i]->lent_buffer_count()));
        }
        if (links.slabs.lent_bytes() != 0) {
            fail(fmt::format("worker {} keeps {} bytes of slabs", i, links.slabs.lent_bytes()));
        }
        for (uint32_t to = 0; to < swarm_.worker_count; ++to) {
            if (to == i) continue;
            const auto& mailbox =
                links.worker.mesh().mailbox(links.id, static_cast<base::WorkerId>(to));
            if (mailbox.depth_bytes() != 0) {
                fail(fmt::format("{} bytes wait from worker {} to {}", mailbox.depth_bytes(), i,
                                 to));
            }
        }
    }
    const uint64_t have = subscription_count();
    const uint64_t want = oracle_.live_subscription_count();
    if (have != want) fail(fmt::format("{} subscriptions instead of {}", have, want));
}

void World::check_empty() {
    const uint64_t left = subscription_count();
    if (left != 0) fail(fmt::format("{} subscriptions are left of nobody", left));
    const size_t listener_count = swarm_.ends_as_lame_duck ? 0 : 1;
    if (net_.descriptor_count() != listener_count) {
        fail(fmt::format("{} descriptors are open", net_.descriptor_count()));
    }
    if (server_->facts().clients.load() != 0) fail("clients are counted that have gone");
    for (uint32_t i = 0; i < swarm_.worker_count; ++i) {
        const int64_t counted = server_->facts().worker_loads.clients(static_cast<base::WorkerId>(i));
        if (counted != 0) fail(fmt::format("worker {} counts {} clients", i, counted));
        const size_t pending = rings_[i]->pending_count();
        if (pending > (i == 0 ? 1U : 0U)) {
            fail(fmt::format("worker {} has {} requests under way", i, pending));
        }
    }
}

std::string World::describe_stuck() const {
    std::string text = fmt::format("nothing moves at {} ns", net_.now_ns());
    for (const auto& client : clients_) {
        if (!client->settled()) text += "\n  " + client->describe();
    }
    for (uint32_t i = 0; i < swarm_.worker_count; ++i) {
        text += fmt::format("\n  worker {}: {} links, {} requests under way, waits until {}", i,
                            server_->worker_state(i).host.table.count(), rings_[i]->pending_count(),
                            server_->worker(i).wait_until_ns());
        for (uint32_t to = 0; to < swarm_.worker_count; ++to) {
            if (to == i) continue;
            const auto& links = server_->worker_state(i).host;
            const size_t depth = links.worker.mesh()
                                     .mailbox(links.id, static_cast<base::WorkerId>(to))
                                     .depth_bytes();
            if (depth != 0) text += fmt::format(", {} bytes wait for {}", depth, to);
        }
    }
    return text;
}

std::string World::describe_work() const {
    uint64_t in = 0;
    uint64_t out = 0;
    uint64_t pauses = 0;
    uint64_t spilled = 0;
    uint64_t slow = 0;
    uint64_t moves = 0;
    for (uint32_t i = 0; i < swarm_.worker_count; ++i) {
        const observe::WorkerCounters counters = server_->worker_state(i).counters();
        in += counters.in_messages;
        out += counters.out_messages;
        pauses += counters.pauses;
        moves += counters.arrived_clients;
        spilled += counters.spilled_records;
        slow += counters.faults.slow_consumers_pending + counters.faults.slow_consumers_deadline;
    }
    return fmt::format(
        "{} steps, {} clients, {} published, {} delivered, {} pauses, {} spilled, {} slow, {} "
        "replaced, {} answered over the service, {} moves ({} with subscriptions), {} ms",
        step_count_, clients_.size(), in, out, pauses, spilled, slow, replaced_members(),
        oracle_.service_answer_count(), moves, moves_with_subscriptions_, net_.now_ns() / kMs);
}

}  // namespace nuring::sim

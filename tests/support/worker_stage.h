// SPDX-License-Identifier: Apache-2.0
// The workers of one server without the server: a test says which worker a client lives on.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/client/client.h"
#include "core/delivery/announcer.h"
#include "core/server/worker_state.h"
#include "tests/support/held_jobs.h"
#include "tests/support/sim_stage.h"

namespace nuring::test {

// The default a test begins with: nothing but what it changes differs from the server's.
inline std::shared_ptr<config::Options> test_options() {
    auto options = std::make_shared<config::Options>();
    config::complete(options.get());
    return options;
}

inline client::ClientSettings settings_of(const std::shared_ptr<const config::Options>& options) {
    return {.options = options,
            .authenticator = std::make_shared<const auth::Authenticator>(*options)};
}

// WorkerStage is a SimStage with everything that a worker needs.
// Lifetime: of one test; at its end all connections are dropped and all links must go.
class WorkerStage : public SimStage {
  public:
    explicit WorkerStage(uint32_t worker_count,
                         const std::shared_ptr<config::Options>& options = test_options(),
                         size_t mailbox_bytes = size_t{256} * 1024)
        : SimStage(worker_count),
          facts(worker_count),
          accounts(worker_count, 1, &announcer_),
          mesh_(rings(), mailbox_bytes),
          logger_(log::LoggerOptions{.writer_count = worker_count}) {
        listener_ = net.listen(0);
        const server::WorkerState::Shared shared{
            .links = {.facts = facts, .jobs = jobs, .handshakes = jobs, .lookups = lookups},
            .delivery = {.accounts = accounts, .announcer = &announcer_}};
        for (uint32_t i = 0; i < worker_count; ++i) {
            workers_.push_back(std::make_unique<runtime::Worker>(static_cast<base::WorkerId>(i),
                                                                 *rings()[i], mesh_, 0));
            states_.push_back(std::make_unique<server::WorkerState>(
                *workers_[i], shared, logger_.writer(i), settings_of(options)));
            announcer_.add_worker(states_[i]->delivery);
            add(*workers_[i]);
        }
    }
    ~WorkerStage() {
        for (auto& peer : peers_) {
            if (!peer->stream().closed()) peer->stream().close();
        }
        for (uint32_t i = 0; i < workers_.size(); ++i) pause(i, false);
        pass(10'000'000'000);
    }

    // A connection of that worker, its INFO unread.
    SimPeer& accept(uint32_t worker) {
        facts.worker_loads.add_client(static_cast<base::WorkerId>(worker));
        return accept_as(worker,
                         [](server::WorkerState& state, int fd) { state.clients.adopt(fd); });
    }
    // A connection of another kind, which `adopt` makes.
    SimPeer& accept_as(uint32_t worker,
                       const std::function<void(server::WorkerState&, int fd)>& adopt) {
        sim::SimStream& stream = net.connect(net.listener_of(listener_)->port);
        while (net.listener_of(listener_)->waiting.empty()) net.step();
        const int fd = net.add_descriptor(*net.listener_of(listener_)->waiting.front());
        net.listener_of(listener_)->waiting.pop_front();
        adopt(*states_[worker], fd);
        workers_[worker]->turn();
        peers_.push_back(std::make_unique<SimPeer>(*this, stream));
        return *peers_.back();
    }
    // A client that has said CONNECT (not verbose, with these fields more) and read the answer.
    SimPeer& client(uint32_t worker, std::string_view fields = {}) {
        SimPeer& peer = accept(worker);
        peer.ask("CONNECT {\"verbose\":false,\"pedantic\":false" + std::string(fields) +
                 "}\r\nPING\r\n");
        return peer;
    }

    // Runs it on the worker in its next turn, as the control thread would.
    void on_worker(uint32_t worker, std::function<void(server::WorkerState&)> function) {
        struct Task final : runtime::ControlTask {
            Task(server::WorkerState& task_state,
                 std::function<void(server::WorkerState&)> task_function)
                : state(task_state), function(std::move(task_function)) {}
            void run() override { function(state); }
            server::WorkerState& state;
            const std::function<void(server::WorkerState&)> function;
        };
        workers_[worker]->post(std::make_unique<Task>(*states_[worker], std::move(function)));
    }

    server::WorkerState& state(uint32_t worker) { return *states_[worker]; }
    size_t link_count() const {
        size_t count = 0;
        for (const auto& state : states_) count += state->host.table.count();
        return count;
    }

    link::ServerFacts facts;

  private:
    delivery::Announcer announcer_;

  public:
    account::AccountRegistry accounts;
    HeldJobs jobs;
    HeldJobs lookups;

  private:
    runtime::Mesh mesh_;
    log::Logger logger_;
    int listener_ = -1;
    std::vector<std::unique_ptr<runtime::Worker>> workers_;
    std::vector<std::unique_ptr<server::WorkerState>> states_;
    std::vector<std::unique_ptr<SimPeer>> peers_;
};

// Counts what stands in a stream.
inline size_t count_of(std::string_view text, std::string_view part) {
    size_t count = 0;
    for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) {
        ++count;
    }
    return count;
}

}  // namespace nuring::test

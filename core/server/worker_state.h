// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/client/client_host.h"
#include "core/client/internal_client.h"
#include "core/delivery/announcer.h"
#include "core/delivery/delivery.h"
#include "core/link/link_host.h"
#include "core/observe/survey.h"
#include "core/observe/worker_snapshot.h"
#include "core/runtime/worker.h"
#include "core/server/drain.h"

namespace nuring::server {

// WorkerState composes what one worker owns, and does what the worker asks of the layers above it: it hands
// records on to the folder that they are for, and ends a turn.
//
// Threads: its worker. Errors: none. Lifetime: outlives all links of its worker.
class WorkerState final : public runtime::WorkerDelegate {
  public:
    // The shared parts of one server's workers; all of them outlive the workers.
    struct Shared {
        link::LinkHost::Shared links;
        delivery::Delivery::Shared delivery;
    };

    WorkerState(runtime::Worker& worker, const Shared& shared, log::Writer& log,
                const client::ClientSettings& settings);
    ~WorkerState() override;
    WorkerState(const WorkerState&) = delete;
    WorkerState& operator=(const WorkerState&) = delete;

    // New Options, between two turns; with `check_clients` every client is checked against them.
    void apply(const client::ClientSettings& settings, bool check_clients);
    // Accounts have changed: their clients follow. Between two turns.
    void refresh_accounts();
    // The clients are informed that this server ends; `gone` as in Drain.
    void enter_lame_duck(void (*gone)(void*), void* state);

    observe::WorkerView view() { return {host, delivery, clients}; }
    observe::WorkerCounters counters() { return observe::counters_of(view()); }

    // runtime::WorkerDelegate
    void look_ahead(std::span<const runtime::RecordHeader* const> records) override;
    size_t on_record(base::WorkerId from, const runtime::RecordHeader& record) override;
    void on_room(base::WorkerId to) override;
    bool flush() override;

    link::LinkHost host;
    delivery::Delivery delivery;
    client::ClientHost clients;
    client::InternalClient internal;  // the server itself, as publisher and subscriber
    Drain drain;

  private:
    void set_limits(const config::Options& options);
    bool release_slice();
    bool may_release();
    void publish_load();

    uint64_t load_measured_ns_ = 0;     // that of the load that others see
    uint64_t lacks_room_since_ns_ = 0;  // 0: closed links may release what they hold
};

}  // namespace nuring::server

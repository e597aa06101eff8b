// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cassert>
#include <functional>
#include <latch>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/account/account_registry.h"
#include "core/auth/trust.h"
#include "core/client/client_events.h"
#include "core/client/client_host.h"
#include "core/client/excess_connections.h"
#include "core/client/internal_client.h"
#include "core/config/options.h"
#include "core/delivery/announcer.h"
#include "core/delivery/service_latency.h"
#include "core/link/server_facts.h"
#include "core/log/log.h"
#include "core/ring/ring.h"
#include "core/runtime/mesh.h"
#include "core/runtime/worker.h"
#include "core/server/control_queue.h"
#include "core/server/listener.h"
#include "core/server/worker_state.h"

namespace nuring::server {

class OperatorMode;

// The version in INFO: clients gate features on it, so it names the reference's release whose
// client protocol this is.
inline constexpr const char* kProtocolVersion = "2.10.0";

// Called on a worker's thread when that worker has no link left after stop(); must not block.
struct DrainedCallback {
    void (*call)(void*) = nullptr;
    void* state = nullptr;
};

struct ServerSetup {
    std::shared_ptr<const config::Options> options;
    std::string commit;                       // of the sources; for the monitor
    std::vector<ring::Ring*> rings;           // one per worker; outlive the server
    log::Logger* logger = nullptr;            // writer 0: control thread; writer 1 + i: worker i
    size_t mailbox_bytes = 0;                 // 0: by the number of workers
    std::shared_ptr<auth::Trust> trust;       // operator mode; null: none
    std::shared_ptr<const tls::Profile> tls;  // of the client port; null: clear text
    // They outlive the server.
    runtime::JobRunner* jobs = nullptr;
    runtime::JobRunner* handshake_jobs = nullptr;
    runtime::JobRunner* lookup_jobs = nullptr;
    DrainedCallback drained;
    // Any worker: a lame duck has no clients any more; its owner calls stop(). Null: the server does.
    DrainedCallback clients_gone;
    // Control thread: a reload, as by SIGHUP; returns what is wrong, empty: nothing.
    std::function<std::string()> reload;
    // Any thread: makes the control thread call Server::control().run() soon.
    void (*wake_control)(void*) = nullptr;
    void* wake_state = nullptr;
};

// The address in INFO: client_advertise, completed by the listener. Errors: a fault of client_advertise.
absl::StatusOr<client::ClientAddress> client_address(const config::Options& options,
                                                     uint16_t listener_port);

// Server is one NATS server: its workers, what they share, its listeners. It owns no thread: whoever
// made it runs the workers' turns (runtime/worker_group.h, or the simulator in one thread).
// Threads: the control thread, unless said otherwise. Errors: listen() returns the reason.
// Lifetime: create, listen, run the workers, stop, go on running them until drained, destroy (only
//           once all links are gone; at process exit it may be leaked).
class Server {
  public:
    explicit Server(ServerSetup setup);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Opens the client port. Before the workers run.
    absl::Status listen();
    // Stops accepting and reading, delivers and sends what is pending, closes every link. Returns at once.
    void stop();
    // Stops accepting, announces that to the clients, and closes them one by one over the lame duck duration.
    void enter_lame_duck();
    // A reload: new clients and all limits follow it from now on; with `authorization` every client is
    // checked again; client_address() of the options must be good. The latch opens when all workers have
    // taken it.
    std::shared_ptr<std::latch> apply(std::shared_ptr<const config::Options> options,
                                      std::shared_ptr<const tls::Profile> tls, bool authorization);
    // The latch opens when each worker has run the tasks that were posted before.
    std::shared_ptr<std::latch> reach_workers();
    // Frees what the last apply() replaced; after reach_workers(). Otherwise the last worker that uses it
    // would free it, and serve no client meanwhile (150 ms for 100,000 users).
    void free_former_settings() { former_ = {}; }
    // --- the server as a client of its own (client/internal_client.h) -------------------------------
    // The account of the server's own events and requests; null: no_system_account.
    account::Account* system_account() { return system_account_; }
    account::AccountRegistry& accounts() { return accounts_; }
    // Any thread: runs something small on a worker, soon.
    void post(uint32_t worker, std::function<void()> task);
    // Any thread: publishes from worker 0, after the tasks that were posted there before.
    void publish(client::InternalPublish message);
    // Any thread: subscribes on worker 0, where the handler will run.
    void subscribe(account::Account& account, std::string pattern,
                   client::InternalClient::Handler handler);
    // Any thread: the clients of that account are checked again, because its claims have changed.
    void check_clients(const std::string& account);
    // Operator mode; null: none.
    const std::shared_ptr<auth::Trust>& trust() const { return setup_.trust; }
    const config::Options& options() const { return *setup_.options; }  // as at the start
    // Before the workers run; outlives them.
    void set_events(client::ClientEvents* clients, delivery::LatencyEvents* latencies);
    // Control thread: returns what is wrong, empty: nothing.
    std::string reload() { return setup_.reload ? setup_.reload() : "reload is not possible here"; }
    // Work for the control thread.
    ControlQueue& control() { return control_; }

    // Applies the accounts of all claims; any thread. New messages follow them when this returns,
    // imports and limits of clients that are there a turn later; nobody else notices.
    void update_accounts(const std::vector<config::AccountOptions>& accounts);
    // Any thread: all links see that the limits of accounts, or what counts against them, have changed.
    void refresh_accounts(const account::Retired& retired = nullptr);
    // Any thread, when cluster_name() gives another name than before: mappings follow, a moment later.
    void on_cluster_name();
    // Of a lame duck.
    bool clients_are_gone() const {
        return gone_count_.load(std::memory_order_acquire) == worker_count();
    }
    // How many workers have no link left, after stop() or enter_lame_duck().
    uint32_t drained_count() const { return drained_count_.load(std::memory_order_acquire); }

    uint32_t worker_count() const { return static_cast<uint32_t>(workers_.size()); }
    runtime::Worker& worker(uint32_t index) {
        assert(index < workers_.size());
        return *workers_[index]->worker;
    }
    WorkerState& worker_state(uint32_t index) {
        assert(index < workers_.size());
        return *workers_[index]->state;
    }
    link::ServerFacts& facts() { return facts_; }
    // Any thread: the name may have been made up at the start, or be that of other servers. Empty: none.
    std::string cluster_name(const config::Options& options) const;
    const ring::ListenSocket& client_listener() const { return client_socket_; }

  private:
    // All that one worker owns.
    struct PerWorker {
        std::unique_ptr<runtime::Worker> worker;
        std::unique_ptr<WorkerState> state;
        std::unique_ptr<Listener> listener;  // worker 0 only
    };
    using Excess = std::shared_ptr<client::ExcessConnections>;
    class HoldTask;
    class StopTask;
    class LameDuckTask;
    class ApplyTask;
    class AccountsTask;
    class LatchTask;

    // Replaced by the last reload.
    struct Former {
        client::ClientSettings settings;
        account::Retired accounts;
    };

    void fill_info();
    // The worker has carried out such a change.
    void close_excess_of(PerWorker& worker, const Excess& excess);
    void on_held();          // any worker
    void on_clients_gone();  // any worker
    void on_drained();

    ServerSetup setup_;
    link::ServerFacts facts_;
    runtime::Mesh mesh_;
    const std::unique_ptr<delivery::Announcer> announcer_;  // null: this server has no peers
    account::AccountRegistry accounts_;
    account::Account* const system_account_;
    ControlQueue control_;
    std::vector<std::unique_ptr<PerWorker>> workers_;
    std::unique_ptr<OperatorMode> operator_mode_;  // null: not in it
    ring::ListenSocket client_socket_;
    client::ClientSettings settings_;  // of the workers, from their next turn on
    Former former_;
    std::mutex cluster_name_mutex_;        // one change at a time: an older name never replaces a newer one
    std::atomic<bool> stopped_{false};     // stop() came
    std::atomic<uint32_t> gone_count_{0};  // workers whose clients have gone, for a lame duck
    std::atomic<uint32_t> held_count_{0};
    std::atomic<uint32_t> drained_count_{0};
};

}  // namespace nuring::server

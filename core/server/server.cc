// SPDX-License-Identifier: Apache-2.0
#include "core/server/server.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <utility>

#include "core/base/host_port.h"
#include "core/base/server_id.h"
#include "core/base/status.h"
#include "core/base/version.h"
#include "core/config/advertise.h"
#include "core/delivery/records.h"
#include "core/link/flow_limits.h"
#include "core/ring/kernel_sockets.h"
#include "core/server/operator_mode.h"
#include "core/tls/digest.h"
#include "fmt/format.h"
#include "proto/tracked_reply.h"

namespace nuring::server {
namespace {

// Mailboxes towards one worker take up to this in all; few workers get roomier ones.
constexpr size_t kMailboxBytesPerReceiver = 8 * 1024 * 1024;
constexpr size_t kMailboxBytesMin = 256 * 1024;
constexpr size_t kMailboxBytesMax = 2 * 1024 * 1024;
static_assert(2 * delivery::kNamesSizeMax + sizeof(delivery::DeliverRecord) +
                  sizeof(delivery::SharedBlock) <=
              kMailboxBytesMin / 4);  // Mailbox::record_size_max()

constexpr std::string_view kSystemAccount = "$SYS";

account::Account* system_account(const config::Options& options,
                                 account::AccountRegistry& accounts) {
    if (!options.system_account.empty()) return &accounts.find_or_create(options.system_account);
    return options.no_system_account ? nullptr : &accounts.find_or_create(kSystemAccount);
}

class FunctionTask final : public runtime::ControlTask {
  public:
    explicit FunctionTask(std::function<void()> function) : function_(std::move(function)) {}
    void run() override { function_(); }

  private:
    const std::function<void()> function_;
};

size_t mailbox_bytes(const ServerSetup& setup) {
    if (setup.mailbox_bytes != 0) return setup.mailbox_bytes;
    return std::clamp(std::bit_floor(kMailboxBytesPerReceiver / setup.rings.size()),
                      kMailboxBytesMin, kMailboxBytesMax);
}

size_t full_from_bytes(const ServerSetup& setup) {
    const auto max_pending = static_cast<uint64_t>(setup.options->max_pending);
    return link::flow_limits(max_pending, static_cast<uint32_t>(setup.rings.size()), mailbox_bytes(setup))
        .mailbox_bytes;
}

}  // namespace

absl::StatusOr<client::ClientAddress> client_address(const config::Options& options,
                                                     uint16_t listener_port) {
    if (options.client_advertise.empty()) return client::ClientAddress{options.host, listener_port};
    const auto advertised = config::parse_advertise(options.client_advertise);
    if (!advertised.ok()) return advertised.status();
    const auto port =
        advertised->port > 0 ? static_cast<uint16_t>(advertised->port) : listener_port;
    return client::ClientAddress{advertised->host, port};
}

class Server::HoldTask final : public runtime::ControlTask {
  public:
    HoldTask(Server& server, PerWorker& worker) : server_(server), worker_(worker) {}
    void run() override {
        if (worker_.listener != nullptr) worker_.listener->stop();
        worker_.state->drain.hold([](void* self) { static_cast<Server*>(self)->on_held(); },
                                  &server_);
    }

  private:
    Server& server_;
    PerWorker& worker_;
};

class Server::StopTask final : public runtime::ControlTask {
  public:
    StopTask(Server& server, PerWorker& worker) : server_(server), worker_(worker) {}
    void run() override {
        worker_.state->drain.stop([](void* self) { static_cast<Server*>(self)->on_drained(); },
                                  &server_);
    }

  private:
    Server& server_;
    PerWorker& worker_;
};

class Server::LameDuckTask final : public runtime::ControlTask {
  public:
    LameDuckTask(Server& server, PerWorker& worker) : server_(server), worker_(worker) {}
    void run() override {
        if (worker_.listener != nullptr) worker_.listener->stop();
        worker_.state->enter_lame_duck(
            [](void* self) { static_cast<Server*>(self)->on_clients_gone(); }, &server_);
    }

  private:
    Server& server_;
    PerWorker& worker_;
};

class Server::ApplyTask final : public runtime::ControlTask {
  public:
    ApplyTask(Server& server, PerWorker& worker, client::ClientSettings settings, bool authorization,
              std::shared_ptr<std::latch> applied, account::Retired retired, Excess excess)
        : server_(server),
          worker_(worker),
          settings_(std::move(settings)),
          authorization_(authorization),
          applied_(std::move(applied)),
          retired_(std::move(retired)),
          excess_(std::move(excess)) {}
    void run() override {
        worker_.state->apply(settings_, authorization_);
        server_.close_excess_of(worker_, excess_);
        applied_->count_down();
    }

  private:
    Server& server_;
    PerWorker& worker_;
    const client::ClientSettings settings_;
    const bool authorization_;
    const std::shared_ptr<std::latch> applied_;
    const account::Retired retired_;  // used by this worker until now
    const Excess excess_;
};

class Server::AccountsTask final : public runtime::ControlTask {
  public:
    AccountsTask(Server& server, PerWorker& worker, account::Retired retired, Excess excess)
        : server_(server), worker_(worker), retired_(std::move(retired)), excess_(std::move(excess)) {}
    void run() override {
        worker_.state->refresh_accounts();
        server_.close_excess_of(worker_, excess_);
    }

  private:
    Server& server_;
    PerWorker& worker_;
    const account::Retired retired_;  // used by this worker until now
    const Excess excess_;
};

class Server::LatchTask final : public runtime::ControlTask {
  public:
    explicit LatchTask(std::shared_ptr<std::latch> latch) : latch_(std::move(latch)) {}
    void run() override { latch_->count_down(); }

  private:
    const std::shared_ptr<std::latch> latch_;
};

Server::Server(ServerSetup setup)
    : setup_(std::move(setup)),
      facts_(static_cast<uint32_t>(setup_.rings.size())),
      mesh_(setup_.rings, mailbox_bytes(setup_), full_from_bytes(setup_)),
      announcer_(setup_.options->links_servers() ? std::make_unique<delivery::Announcer>()
                                                 : nullptr),
      accounts_(static_cast<uint32_t>(setup_.rings.size()), setup_.rings[0]->random_seed(),
                announcer_.get()),
      system_account_(server::system_account(*setup_.options, accounts_)),
      control_(setup_.wake_control, setup_.wake_state) {
    settings_ = {
        .options = setup_.options,
        .authenticator = std::make_shared<const auth::Authenticator>(*setup_.options, setup_.trust),
        .tls = setup_.tls,
        .address = {},  // listen() sets it
        .websocket = client::make_websocket_settings(*setup_.options, setup_.trust)};
    if (system_account_ != nullptr) accounts_.set_system_account(*system_account_);
    const WorkerState::Shared shared{
        .links = {.facts = facts_,
                  .jobs = *setup_.jobs,
                  .handshakes = *setup_.handshake_jobs,
                  .lookups = *setup_.lookup_jobs},
        .delivery = {.accounts = accounts_, .announcer = announcer_.get()}};
    (void)accounts_.apply(*setup_.options);  // nobody uses what there was before
    fill_info();
    const auto busy_poll_ns = static_cast<uint64_t>(setup_.options->uring.busy_poll.count());
    for (uint32_t i = 0; i < setup_.rings.size(); ++i) {
        auto each = std::make_unique<PerWorker>();
        each->worker = std::make_unique<runtime::Worker>(static_cast<base::WorkerId>(i),
                                                         *setup_.rings[i], mesh_, busy_poll_ns);
        each->state = std::make_unique<WorkerState>(*each->worker, shared,
                                                    setup_.logger->writer(1 + i), settings_);
        if (announcer_ != nullptr) announcer_->add_worker(each->state->delivery);
        workers_.push_back(std::move(each));
    }
    if (setup_.trust != nullptr) {
        operator_mode_ =
            std::make_unique<OperatorMode>(*this, setup_.trust, setup_.logger->writer(0));
    }
}

Server::~Server() = default;

void Server::fill_info() {
    ring::Ring& ring = *setup_.rings[0];
    const config::Options& options = *setup_.options;
    std::array<unsigned char, base::kServerIdRandomBytes> random;
    ring.fill_random(random);
    facts_.start_wall_ns = ring.wall_ns();
    proto::ServerInfo& info = facts_.info;
    info.server_id = base::make_server_id(random);
    info.server_name = options.server_name.empty() ? info.server_id : options.server_name;
    facts_.node_hash = proto::node_hash(tls::sha256(info.server_name));
    info.version = kProtocolVersion;
    info.go = "nats-uring " NURING_VERSION;
    facts_.commit = setup_.commit;
    info.headers = !options.no_header_support;
}

absl::Status Server::listen() {
    const config::Options& options = *setup_.options;
    const auto port = static_cast<uint16_t>(std::max(options.port, 0));  // -1: any free one
    auto socket = setup_.rings[0]->listen(options.host, port);
    if (!socket.ok()) {
        return absl::Status(
            socket.status().code(),
            fmt::format("Error listening on port: {}, \"{}\"", base::host_port(options.host, port),
                        ring::listen_error(options.host, port, socket.status())));
    }
    client_socket_ = *socket;
    const auto address = client_address(options, client_socket_.port);
    if (!address.ok()) {
        return absl::Status(
            address.status().code(),
            fmt::format("Error setting server INFO with ClientAdvertise value of {}, err={}",
                        options.client_advertise, base::message_of(address.status())));
    }
    facts_.info.host = address->host;
    facts_.info.port = address->port;
    for (auto& worker : workers_) worker->state->clients.set_address(*address);
    PerWorker& first = *workers_[0];
    assert(first.listener == nullptr);
    first.listener = std::make_unique<Listener>(
        first.state->host, client_socket_.fd, "Client",
        [state = first.state.get()](int fd) { state->clients.place(fd); });

    class StartTask final : public runtime::ControlTask {
      public:
        explicit StartTask(Listener& listener) : listener_(listener) {}
        void run() override { listener_.start(); }

      private:
        Listener& listener_;
    };
    first.worker->post(std::make_unique<StartTask>(*first.listener));
    return absl::OkStatus();
}

// In two steps, because an accepted message may still be on its way to another worker: first no worker reads
// anything new, then all deliver the records that they have, and close.
void Server::stop() {
    if (stopped_.exchange(true)) return;
    for (auto& worker : workers_) {
        worker->worker->post(std::make_unique<HoldTask>(*this, *worker));
    }
}

void Server::on_held() {
    // acq_rel: the last worker's tasks come after what every other one put into its mailboxes.
    const uint32_t held = held_count_.fetch_add(1, std::memory_order_acq_rel) + 1;
    assert(held <= worker_count());
    if (held < worker_count()) return;
    for (auto& worker : workers_) {
        worker->worker->post(std::make_unique<StopTask>(*this, *worker));
    }
}

// A worker without clients goes on: clients of other workers use its links to servers.
void Server::on_clients_gone() {
    // acq_rel: as in on_held()
    if (gone_count_.fetch_add(1, std::memory_order_acq_rel) + 1 < worker_count()) return;
    if (setup_.clients_gone.call == nullptr) return stop();
    setup_.clients_gone.call(setup_.clients_gone.state);
}

void Server::enter_lame_duck() {
    facts_.lame_duck.store(true, std::memory_order_relaxed);
    for (auto& worker : workers_) {
        worker->worker->post(std::make_unique<LameDuckTask>(*this, *worker));
    }
}

std::shared_ptr<std::latch> Server::apply(std::shared_ptr<const config::Options> options,
                                          std::shared_ptr<const tls::Profile> tls,
                                          bool authorization) {
    client::ClientSettings settings{
        .options = options,
        .authenticator = std::make_shared<const auth::Authenticator>(*options, setup_.trust),
        .tls = std::move(tls),
        .address = client_address(*options, client_socket_.port).value(),
        .websocket = client::make_websocket_settings(*options, setup_.trust),
        .serial = settings_.serial + 1};
    const int64_t excess =
        options->max_connections >= 0
            ? facts_.clients.load(std::memory_order_relaxed) - options->max_connections
            : 0;
    facts_.excess_clients.store(excess,
                                std::memory_order_relaxed);  // posting the tasks publishes it
    if (excess > 0) {
        setup_.logger->writer(0).info("Closed {} connections to fall within max_connections",
                                      excess);
    }
    const account::Retired retired = accounts_.apply(*options);
    former_ = {.settings = std::exchange(settings_, std::move(settings)), .accounts = retired};
    auto applied = std::make_shared<std::latch>(worker_count());
    const auto excess_of_accounts = std::make_shared<client::ExcessConnections>(worker_count());
    for (auto& worker : workers_) {
        worker->worker->post(std::make_unique<ApplyTask>(*this, *worker, settings_, authorization, applied,
                                                         retired, excess_of_accounts));
    }
    return applied;
}

std::shared_ptr<std::latch> Server::reach_workers() {
    auto reached = std::make_shared<std::latch>(worker_count());
    for (auto& worker : workers_) worker->worker->post(std::make_unique<LatchTask>(reached));
    return reached;
}

void Server::update_accounts(const std::vector<config::AccountOptions>& accounts) {
    const account::Retired retired = accounts_.update(accounts);
    if (!retired->empty()) refresh_accounts(retired);
}

void Server::refresh_accounts(const account::Retired& retired) {
    const auto excess = std::make_shared<client::ExcessConnections>(worker_count());
    for (auto& worker : workers_) {
        worker->worker->post(std::make_unique<AccountsTask>(*this, *worker, retired, excess));
    }
}

// A job, since an account may have many mappings. It takes the name of then, in case it changes again.
void Server::on_cluster_name() {
    class RenameJob final : public runtime::Job {
      public:
        explicit RenameJob(Server& server) : server_(server) {}
        void work() override {
            const std::lock_guard lock(server_.cluster_name_mutex_);
            const auto view = server_.facts_.cluster_views.now();
            assert(view != nullptr);
            const account::Retired retired = server_.accounts_.set_cluster_name(view->cluster);
            if (retired != nullptr) server_.refresh_accounts(retired);
        }
        void run() override {}

      private:
        Server& server_;
    };
    setup_.jobs->submit(worker(0), std::make_unique<RenameJob>(*this));
}

void Server::close_excess_of(PerWorker& worker, const Excess& excess) {
    if (!excess->add(worker.state->clients)) return;
    for (uint32_t i = 0; i < worker_count(); ++i) {
        post(i, [this, i, excess] { excess->close(worker_state(i).clients); });
    }
}

std::string Server::cluster_name(const config::Options& options) const {
    if (const auto view = facts_.cluster_views.now(); view != nullptr) return view->cluster;
    const std::string& configured = options.configured_cluster_name();
    return configured.empty() ? facts_.info.cluster : configured;
}

void Server::post(uint32_t index, std::function<void()> task) {
    worker(index).post(std::make_unique<FunctionTask>(std::move(task)));
}

void Server::publish(client::InternalPublish message) {
    post(0, [&state = worker_state(0), message = std::move(message)] {
        state.internal.publish(message);
    });
}

void Server::subscribe(account::Account& account, std::string pattern,
                       client::InternalClient::Handler handler) {
    const auto reach = &account == system_account_ ? client::InternalClient::Reach::kCluster
                                                   : client::InternalClient::Reach::kServer;
    post(0, [&state = worker_state(0), &account, reach, pattern = std::move(pattern),
             handler = std::move(handler)] {
        (void)state.internal.subscribe(account, pattern, handler, {}, reach);
    });
}

void Server::check_clients(const std::string& account) {
    for (uint32_t i = 0; i < worker_count(); ++i) {
        post(i, [&state = worker_state(i), account] { state.clients.check(account); });
    }
}

void Server::set_events(client::ClientEvents* clients, delivery::LatencyEvents* latencies) {
    for (auto& worker : workers_) {
        worker->state->clients.set_events(clients);
        worker->state->delivery.set_latency_events(latencies);
    }
}

void Server::on_drained() {
    // release: pairs with drained_count()
    const uint32_t before = drained_count_.fetch_add(1, std::memory_order_release);
    assert(before < worker_count());
    if (setup_.drained.call != nullptr) setup_.drained.call(setup_.drained.state);
}

}  // namespace nuring::server

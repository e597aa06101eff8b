// SPDX-License-Identifier: Apache-2.0
#include "core/server/server.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "core/base/host_port.h"
#include "core/base/server_id.h"
#include "core/base/status.h"
#include "core/base/version.h"
#include "core/config/url.h"
#include "core/server/operator_mode.h"
#include "fmt/format.h"

namespace nuring::server {
namespace {

// Mailboxes towards one worker take up to this in all; few workers get roomier ones.
constexpr size_t kMailboxBytesPerReceiver = 8 * 1024 * 1024;
constexpr size_t kMailboxBytesMin = 256 * 1024;
constexpr size_t kMailboxBytesMax = 2 * 1024 * 1024;
static_assert(2 * link::kNamesSizeMax + sizeof(link::DeliverRecord) + sizeof(link::Payload*) <=
              kMailboxBytesMin / 4);  // Mailbox::record_size_max()

constexpr std::string_view kSystemAccount = "$SYS";

account::Account* system_account(const config::Options& options, account::AccountRegistry& accounts) {
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

}  // namespace

absl::StatusOr<link::ClientAddress> client_address(const config::Options& options,
                                                   uint16_t listener_port) {
    if (options.client_advertise.empty()) return link::ClientAddress{options.host, listener_port};
    const auto advertised = config::parse_url(options.client_advertise);
    if (!advertised.ok()) return advertised.status();
    const auto port = advertised->port > 0 ? static_cast<uint16_t>(advertised->port) : listener_port;
    return link::ClientAddress{advertised->host, port};
}

class Server::HoldTask final : public runtime::ControlTask {
  public:
    HoldTask(Server& server, WorkerState& state) : server_(server), state_(state) {}
    void run() override {
        if (state_.listener != nullptr) state_.listener->stop();
        state_.links->hold([](void* self) { static_cast<Server*>(self)->on_held(); }, &server_);
    }

  private:
    Server& server_;
    WorkerState& state_;
};

class Server::StopTask final : public runtime::ControlTask {
  public:
    StopTask(Server& server, WorkerState& state) : server_(server), state_(state) {}
    void run() override {
        state_.links->stop([](void* self) { static_cast<Server*>(self)->on_drained(); }, &server_);
    }

  private:
    Server& server_;
    WorkerState& state_;
};

class Server::LameDuckTask final : public runtime::ControlTask {
  public:
    LameDuckTask(Server& server, WorkerState& state) : server_(server), state_(state) {}
    void run() override {
        if (state_.listener != nullptr) state_.listener->stop();
        state_.links->enter_lame_duck(
            [](void* self) { static_cast<Server*>(self)->on_drained(); }, &server_);
    }

  private:
    Server& server_;
    WorkerState& state_;
};

class Server::ApplyTask final : public runtime::ControlTask {
  public:
    ApplyTask(WorkerState& state, link::LinkSettings settings, bool authorization,
              std::shared_ptr<std::latch> applied, account::Retired retired)
        : state_(state),
          settings_(std::move(settings)),
          authorization_(authorization),
          applied_(std::move(applied)),
          retired_(std::move(retired)) {}
    void run() override {
        state_.links->apply(settings_, authorization_);
        applied_->count_down();
    }

  private:
    WorkerState& state_;
    const link::LinkSettings settings_;
    const bool authorization_;
    const std::shared_ptr<std::latch> applied_;
    const account::Retired retired_;  // used by this worker until now
};

class Server::AccountsTask final : public runtime::ControlTask {
  public:
    AccountsTask(WorkerState& state, account::Retired retired)
        : state_(state), retired_(std::move(retired)) {}
    void run() override { state_.links->refresh_accounts(); }

  private:
    WorkerState& state_;
    const account::Retired retired_;  // used by this worker until now
};

Server::Server(ServerSetup setup)
    : setup_(std::move(setup)),
      facts_(static_cast<uint32_t>(setup_.rings.size())),
      mesh_(setup_.rings, mailbox_bytes(setup_)),
      announcer_(setup_.options->cluster.port == 0 ? nullptr : std::make_unique<link::Announcer>()),
      accounts_(static_cast<uint32_t>(setup_.rings.size()), setup_.rings[0]->random_seed(),
                announcer_.get()),
      system_account_(server::system_account(*setup_.options, accounts_)),
      control_(setup_.wake_control, setup_.wake_state) {
    const link::LinkSettings settings{
        .options = setup_.options,
        .authenticator = std::make_shared<const auth::Authenticator>(*setup_.options, setup_.trust),
        .tls = setup_.tls,
        .address = {}};  // listen() sets it
    const link::WorkerLinks::Shared shared{
        .facts = facts_,
        .accounts = accounts_,
        .jobs = setup_.jobs != nullptr ? *setup_.jobs : inline_jobs_,
        .handshakes = setup_.handshake_jobs != nullptr ? *setup_.handshake_jobs : inline_jobs_,
        .announcer = announcer_.get(),
        .lookups = setup_.lookup_jobs};
    (void)accounts_.apply(*setup_.options);  // nobody uses what there was before
    fill_info();
    const auto busy_poll_ns = static_cast<uint64_t>(setup_.options->uring.busy_poll.count());
    for (uint32_t i = 0; i < setup_.rings.size(); ++i) {
        auto state = std::make_unique<WorkerState>();
        state->worker = std::make_unique<runtime::Worker>(
            static_cast<base::WorkerId>(i), *setup_.rings[i], mesh_, busy_poll_ns);
        state->links = std::make_unique<link::WorkerLinks>(
            *state->worker, shared, setup_.logger->writer(1 + i), settings);
        if (announcer_ != nullptr) announcer_->add_worker(*state->links);
        workers_.push_back(std::move(state));
    }
    if (setup_.trust != nullptr) {
        operator_mode_ = std::make_unique<OperatorMode>(*this, setup_.trust, setup_.logger->writer(0));
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
    info.version = kProtocolVersion;
    info.go = "nats-uring " NURING_VERSION;
    info.headers = !options.no_header_support;
}

absl::Status Server::listen() {
    const config::Options& options = *setup_.options;
    const auto port = static_cast<uint16_t>(std::max(options.port, 0));  // -1: any free one
    auto socket = setup_.rings[0]->listen(options.host, port);
    if (!socket.ok()) {
        return absl::Status(socket.status().code(),
                            fmt::format("Error listening on port: {0}, \"listen tcp {0}: {1}\"",
                                        base::host_port(options.host, port),
                                        base::message_of(socket.status())));
    }
    client_socket_ = *socket;
    const auto address = client_address(options, client_socket_.port);
    if (!address.ok()) {
        return absl::Status(address.status().code(),
                            fmt::format("Error setting server INFO with ClientAdvertise value of {}, err={}",
                                        options.client_advertise, base::message_of(address.status())));
    }
    facts_.info.host = address->host;
    facts_.info.port = address->port;
    for (auto& state : workers_) state->links->address = *address;
    WorkerState& first = *workers_[0];
    first.listener = std::make_unique<Listener>(
        *first.links, client_socket_.fd, "Client", [links = first.links.get()](int fd) { links->place_client(fd); });

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

// In two steps, because a message that its publisher knows to be accepted may still be on its way to
// another worker: first nobody takes anything new, then all deliver what they have, and close.
void Server::stop() {
    for (auto& state : workers_) {
        state->worker->post(std::make_unique<HoldTask>(*this, *state));
    }
}

void Server::on_held() {
    // acq_rel: the last worker's tasks come after what every other one put into its mailboxes.
    if (held_count_.fetch_add(1, std::memory_order_acq_rel) + 1 < worker_count()) return;
    for (auto& state : workers_) {
        state->worker->post(std::make_unique<StopTask>(*this, *state));
    }
}

void Server::enter_lame_duck() {
    for (auto& state : workers_) {
        state->worker->post(std::make_unique<LameDuckTask>(*this, *state));
    }
}

std::shared_ptr<std::latch> Server::apply(std::shared_ptr<const config::Options> options,
                                          std::shared_ptr<const tls::Profile> tls,
                                          bool authorization) {
    const link::LinkSettings settings{
        .options = options,
        .authenticator = std::make_shared<const auth::Authenticator>(*options, setup_.trust),
        .tls = std::move(tls),
        .address = client_address(*options, client_socket_.port).value()};
    const int64_t excess = options->max_connections > 0
                               ? facts_.clients.load(std::memory_order_relaxed) - options->max_connections
                               : 0;
    facts_.excess_clients.store(excess, std::memory_order_relaxed);  // posting the tasks publishes it
    if (excess > 0) {
        setup_.logger->writer(0).info("Closed {} connections to fall within max_connections", excess);
    }
    const account::Retired retired = accounts_.apply(*options);
    auto applied = std::make_shared<std::latch>(worker_count());
    for (auto& state : workers_) {
        state->worker->post(
            std::make_unique<ApplyTask>(*state, settings, authorization, applied, retired));
    }
    return applied;
}

void Server::update_accounts(const std::vector<config::AccountOptions>& accounts) {
    const account::Retired retired = accounts_.update(accounts);
    if (retired->empty()) return;
    for (auto& state : workers_) {
        state->worker->post(std::make_unique<AccountsTask>(*state, retired));
    }
}

void Server::post(uint32_t index, std::function<void()> task) {
    worker(index).post(std::make_unique<FunctionTask>(std::move(task)));
}

void Server::publish(link::InternalPublish message) {
    post(0, [&links = links(0), message = std::move(message)] { links.internal.publish(message); });
}

void Server::subscribe(account::Account& account, std::string pattern,
                       link::InternalLink::Handler handler) {
    const auto reach = &account == system_account_ ? link::InternalLink::Reach::kCluster
                                                   : link::InternalLink::Reach::kServer;
    post(0, [&links = links(0), &account, reach, pattern = std::move(pattern),
             handler = std::move(handler)] {
        (void)links.internal.subscribe(account, pattern, handler, {}, reach);
    });
}

void Server::check_clients(const std::string& account) {
    for (uint32_t i = 0; i < worker_count(); ++i) {
        post(i, [&links = links(i), account] { links.check_clients(account); });
    }
}

void Server::set_link_events(link::LinkEvents* events) {
    for (auto& state : workers_) state->links->events = events;
}

void Server::on_drained() {
    drained_count_.fetch_add(1, std::memory_order_release);  // pairs with drained_count()
    if (setup_.drained.call != nullptr) setup_.drained.call(setup_.drained.state);
}

}  // namespace nuring::server

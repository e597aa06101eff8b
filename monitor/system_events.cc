// SPDX-License-Identifier: Apache-2.0
#include "monitor/system_events.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "core/auth/authenticator.h"
#include "core/client/client.h"
#include "core/ring/kernel_sockets.h"
#include "core/runtime/owned_timer.h"
#include "fmt/format.h"
#include "monitor/account_connections.h"
#include "monitor/answer_thread.h"
#include "monitor/connection_events.h"
#include "monitor/event_writer.h"
#include "monitor/pages.h"
#include "monitor/process_usage.h"
#include "monitor/service_latency.h"
#include "monitor/statsz.h"
#include "monitor/system_requests.h"
#include "monitor/user_info.h"
#include "proto/quote.h"
#include "proto/subject.h"

namespace nuring::monitor {
namespace {

// Statistics are published soon after the start; then the interval doubles up to kHeartbeat_ns.
constexpr uint64_t kFirstHeartbeat_ns = 250'000'000;
constexpr uint64_t kHeartbeat_ns = 30'000'000'000;

// Before the name of an account.
constexpr std::string_view kAccountRequestPrefix = "$SYS.REQ.ACCOUNT.";

// How often dropped requests are logged at most.
constexpr uint64_t kDroppedLogInterval_ns = 10'000'000'000;

class SystemEvents final : public server::Subsystem,
                           private client::ClientEvents,
                           private delivery::LatencyEvents {
  public:
    absl::Status start(server::Server& server,
                       std::shared_ptr<const config::Options> options) override;
    void on_ready() override { ready_.store(true, std::memory_order_relaxed); }
    void reload(std::shared_ptr<const config::Options> options) override;
    void enter_lame_duck() override;
    void stop() override;

  private:
    // A copy of a message.
    struct Received {
        std::string subject;
        std::string reply;
        std::string body;
    };

    // client::ClientEvents: on the client's worker.
    void on_connected(base::WorkerId worker, const client::Client& client) override;
    void on_refused(base::WorkerId worker, const client::Client& client) override;
    void on_closed(base::WorkerId worker, const client::Client& client) override;
    void on_leaf_connected(base::WorkerId worker, account::Account& account,
                           const client::ConnectionSnapshot& leaf, bool is_user) override;
    void on_leaf_closed(base::WorkerId worker, account::Account& account,
                        const client::ConnectionSnapshot& leaf) override;
    // delivery::LatencyEvents
    delivery::LatencyParty describe(base::WorkerId worker, const delivery::LatencyLink& party) override {
        return describe_party(state_of(worker), party);
    }
    void on_tracked_answer(base::WorkerId worker, const delivery::TrackedAnswer& answer) override {
        report_tracked_answer(*account_, state_of(worker), answer);
    }
    void on_service_latency(base::WorkerId worker, delivery::ServiceLatency latency) override {
        publish_service_latency(*server_, *writer_, state_of(worker), std::move(latency));
    }
    server::WorkerState& state_of(base::WorkerId worker) {
        return server_->worker_state(index_of(worker));
    }

    // Worker 0.
    void on_timer();
    // A request found no room.
    void note_dropped(const client::InternalMessage& message);

    // The worker of the connection that asks who it is and what it may do.
    void answer_user(base::LinkHandle origin, account::Account& asker, const std::string& reply);

    // Control thread.
    void take(std::shared_ptr<const config::Options> options);
    std::shared_ptr<const config::Options> options();  // any thread
    void serve_users(account::Account& account);
    void subscribe_requests();
    void serve_account(account::Account& account);
    account::Account* asker_of(const client::InternalMessage& message);
    template <class Answer>
    void subscribe(account::Account& account, std::string subject, Answer answer);
    void publish(account::Account& account, std::string subject, std::string body);

    // The thread of the answers.
    Sources sources();
    std::string reload_and_wait();
    void follow_measurements();
    void answer_server(const SystemRequest& request, const Received& received);
    void answer_account(const SystemRequest& request, account::Account& asker,
                        const std::string& account, const Received& received);
    std::string statsz() { return make_statsz(sources(), writer_.get()); }

    server::Server* server_ = nullptr;
    account::Account* account_ = nullptr;  // the system account
    std::unique_ptr<server::SurveyRunner> runner_;
    std::unique_ptr<EventWriter> writer_;
    ProcessUsage usage_;
    proto::JsonParser parser_;
    std::unique_ptr<ConnectionEvents> connection_events_;
    std::unique_ptr<AccountConnections> account_connections_;
    std::atomic<bool> ready_{false};  // relaxed: a figure of a page
    bool stopping_ = false;           // control thread

    runtime::OwnedTimer<SystemEvents, &SystemEvents::on_timer> timer_{*this};  // worker 0
    proto::JsonParser latency_parser_;                                         // worker 0
    uint64_t distance_ns_ = kFirstHeartbeat_ns;                                // to the next heartbeat

    uint64_t dropped_ = 0;  // worker 0: requests since they were last logged
    uint64_t dropped_logged_ns_ = 0;

    std::mutex mutex_;
    std::shared_ptr<const config::Options> options_;        // guarded by mutex_, as what follows
    uint64_t config_load_ns_ = 0;
    bool auth_required_ = false;
    absl::flat_hash_set<const account::Account*> served_;   // have the requests of users

    AnswerThread answers_;  // the last member: its tasks use the others
};

// ------------------------------------------------------------------------------- start and stop

absl::Status SystemEvents::start(server::Server& server,
                                 std::shared_ptr<const config::Options> options) {
    server_ = &server;
    account_ = server.system_account();
    runner_ = std::make_unique<server::SurveyRunner>(server);
    writer_ = std::make_unique<EventWriter>(server);
    connection_events_ = std::make_unique<ConnectionEvents>(*account_, *writer_);
    account_connections_ = std::make_unique<AccountConnections>(
        AccountConnections::Parts{.server = server,
                                  .runner = *runner_,
                                  .writer = *writer_,
                                  .answers = answers_,
                                  .options = [this] { return this->options(); }});
    take(std::move(options));
    answers_.start();
    server.set_events(this, this);
    account_connections_->follow_other_servers();
    follow_measurements();
    subscribe_requests();
    for (account::Account* account : server.accounts().list()) serve_account(*account);
    server.post(0, [this] {
        link::LinkHost& host = server_->worker_state(0).host;
        host.timers.arm(timer_, host.ring.now_ns() + distance_ns_);
    });
    return absl::OkStatus();
}

void SystemEvents::reload(std::shared_ptr<const config::Options> options) {
    take(std::move(options));
    for (account::Account* account : server_->accounts().list()) serve_account(*account);
}

void SystemEvents::stop() {
    if (stopping_) return;
    stopping_ = true;
    if (runner_ == nullptr) return;
    runner_->cancel();
    answers_.stop();
    const std::string& id = server_->facts().info.server_id;
    publish(*account_, fmt::format("$SYS.SERVER.{}.SHUTDOWN", id), writer_->server_ends(*options()));
}

void SystemEvents::enter_lame_duck() {
    if (stopping_ || runner_ == nullptr) return;
    const std::string& id = server_->facts().info.server_id;
    publish(*account_, fmt::format("$SYS.SERVER.{}.LAMEDUCK", id), writer_->server_ends(*options()));
}

void SystemEvents::take(std::shared_ptr<const config::Options> options) {
    const bool auth_required = auth::Authenticator(*options).required();
    const std::lock_guard lock(mutex_);
    auth_required_ = auth_required;
    config_load_ns_ = ring::realtime_ns();
    options_ = std::move(options);
}

std::shared_ptr<const config::Options> SystemEvents::options() {
    const std::lock_guard lock(mutex_);
    return options_;
}

// ------------------------------------------------------------------------------- connections

void SystemEvents::on_connected(base::WorkerId worker, const client::Client& client) {
    server::WorkerState& state = state_of(worker);
    account_connections_->note_change(state, client.account());
    if (&client.account() == &state.delivery.accounts.global()) return;  // no event, as in the reference
    serve_account(client.account());
    connection_events_->on_connected(state, client);
}

void SystemEvents::on_refused(base::WorkerId worker, const client::Client& client) {
    connection_events_->on_refused(state_of(worker), client);
}

void SystemEvents::on_closed(base::WorkerId worker, const client::Client& client) {
    server::WorkerState& state = state_of(worker);
    account_connections_->note_change(state, client.account());
    if (&client.account() == &state.delivery.accounts.global()) return;
    connection_events_->on_closed(state, client);
}

void SystemEvents::on_leaf_connected(base::WorkerId worker, account::Account& account,
                                     const client::ConnectionSnapshot& leaf, bool is_user) {
    account_connections_->note_change(state_of(worker), account);
    connection_events_->on_leaf_connected(state_of(worker), account, leaf, is_user);
}

void SystemEvents::on_leaf_closed(base::WorkerId worker, account::Account& account,
                                  const client::ConnectionSnapshot& leaf) {
    account_connections_->note_change(state_of(worker), account);
    connection_events_->on_leaf_closed(state_of(worker), account, leaf);
}

// Takes the measurements that responders' servers publish of requests from here.
void SystemEvents::follow_measurements() {
    const std::shared_ptr<const config::Options> now = options();
    const bool has_links = now->cluster.port != 0 || now->gateway.configured() || now->leafnodes.configured();
    if (!has_links) return;
    server_->subscribe(*account_, remote_latency_subject(server_->facts().node_hash),
                       [this](const client::InternalMessage& message) {
                           take_remote_latency(*server_, &latency_parser_, message.body);
                       });
}

// ------------------------------------------------------------------------------- heartbeat

void SystemEvents::on_timer() {
    server::WorkerState& state = server_->worker_state(0);
    const bool full = distance_ns_ == kHeartbeat_ns;
    distance_ns_ = std::min(distance_ns_ * 2, kHeartbeat_ns);
    state.host.timers.arm(timer_, state.host.ring.now_ns() + distance_ns_);
    std::string subject = fmt::format("$SYS.SERVER.{}.STATSZ", state.host.facts.info.server_id);
    if (state.internal.has_interest(*account_, subject)) {
        answers_.add_own(
            [this, subject = std::move(subject)] { publish(*account_, subject, statsz()); });
    }
    if (full) account_connections_->repeat_if_wanted();
}

// ------------------------------------------------------------------------------- requests

Sources SystemEvents::sources() {
    const std::lock_guard lock(mutex_);
    return {.server = *server_,
            .runner = *runner_,
            .usage = usage_,
            .options = options_,
            .config_load_ns = config_load_ns_,
            .auth_required = auth_required_,
            .ready = ready_.load(std::memory_order_relaxed),
            .http_port = static_cast<uint16_t>(std::max(options_->http.port, 0)),
            .https_port = static_cast<uint16_t>(std::max(options_->http.https_port, 0)),
            .request_counts = {},
            .reload = [this] { return reload_and_wait(); }};
}

// The control thread reloads; empty: all is well.
std::string SystemEvents::reload_and_wait() {
    const auto error = std::make_shared<std::string>();
    const bool done = answers_.wait([&](std::function<void()> finished) {
        server_->control().post([this, error, finished = std::move(finished)] {
            *error = server_->reload();
            finished();
        });
    });
    return done ? *error : "server is not running";
}

// Any thread.
void SystemEvents::publish(account::Account& account, std::string subject, std::string body) {
    server_->publish({.account = &account,
                      .subject = std::move(subject),
                      .reply = {},
                      .headers = {},
                      .body = std::move(body)});
}

// A request over a service import is that of the account which it names (account/system_services.h).
account::Account* SystemEvents::asker_of(const client::InternalMessage& message) {
    if (&message.account != account_ || !message.reply.starts_with(proto::kServiceReplyPrefix) ||
        !message.subject.starts_with(kAccountRequestPrefix)) {
        return &message.account;
    }
    const std::string_view rest = message.subject.substr(kAccountRequestPrefix.size());
    account::Account* named = server_->accounts().find(rest.substr(0, rest.find('.')));
    return named != nullptr ? named : &message.account;
}

// The message is copied, and answered on the thread of the answers.
template <class Answer>
void SystemEvents::subscribe(account::Account& account, std::string subject, Answer answer) {
    server_->subscribe(account, std::move(subject), [this, answer](const client::InternalMessage& m) {
        account::Account* asker = asker_of(m);
        const RequestOrigin origin{.account = asker,
                                   .connection = m.origin.bits(),
                                   .is_operator = asker == account_};
        if (!answers_.has_room(origin)) return note_dropped(m);
        const bool added =
            answers_.add(origin, [this, answer,
                                  received = Received{std::string(m.subject), std::string(m.reply),
                                                      std::string(m.body)}] {
                answer(received);
                // The next answer is not written before this one has left: answers that nobody takes
                // must not pile up.
                (void)answers_.wait([this](std::function<void()> done) {
                    server_->post(0, std::move(done));
                });
            });
        if (!added) note_dropped(m);
    });
}

void SystemEvents::note_dropped(const client::InternalMessage& message) {
    link::LinkHost& host = server_->worker_state(0).host;
    host.facts.dropped_system_requests.fetch_add(1, std::memory_order_relaxed);
    ++dropped_;
    const uint64_t now_ns = host.ring.now_ns();
    if (dropped_logged_ns_ != 0 && now_ns - dropped_logged_ns_ < kDroppedLogInterval_ns) return;
    dropped_logged_ns_ = now_ns;
    host.log.warn("Dropped {} requests under $SYS, since too many wait, the last one of account {}",
                  std::exchange(dropped_, 0), proto::quote(message.account.name()));
}

void SystemEvents::serve_users(account::Account& account) {
    server_->subscribe(
        account, "$SYS.REQ.USER.INFO", [this](const client::InternalMessage& message) {
            if (message.reply.empty() || !message.origin.valid()) return;
            // The worker that has the connection answers.
            server_->post(
                index_of(message.origin.worker()),
                [this, origin = message.origin, asker = &message.account,
                 reply = std::string(message.reply)] { answer_user(origin, *asker, reply); });
        });
}

void SystemEvents::answer_user(base::LinkHandle origin, account::Account& asker,
                               const std::string& reply) {
    server::WorkerState& state = state_of(origin.worker());
    const client::Client* client = client::as_client(state.host.table.find(origin));
    if (client == nullptr) return;
    std::string text;
    proto::JsonWriter json(&text, /*indent=*/0);
    json.begin_object();
    json.begin_object("server");
    writer_->write_server(&json, state.clients.options());
    json.end_object();
    write_user_info(&json.key("data"), *client, state.clients.authenticator().trust().get(),
                    state.host.ring.wall_s());
    json.end_object();
    state.internal.publish(
        {.account = &asker, .subject = reply, .reply = {}, .headers = {}, .body = std::move(text)});
}

void SystemEvents::subscribe_requests() {
    serve_users(*account_);
    const std::string& id = server_->facts().info.server_id;
    for (const SystemRequest& request : server_requests()) {
        for (const std::string& whom : {id, std::string("PING")}) {
            subscribe(*account_, fmt::format("$SYS.REQ.SERVER.{}.{}", whom, request.name),
                      [this, &request](const Received& m) { answer_server(request, m); });
        }
    }
    for (const SystemRequest& request : server_actions()) {
        subscribe(*account_, fmt::format("$SYS.REQ.SERVER.{}.{}", id, request.name),
                  [this, &request](const Received& m) { answer_server(request, m); });
    }
    // The old form of PING.STATSZ.
    subscribe(*account_, "$SYS.REQ.SERVER.PING",
              [this](const Received& m) { answer_server(server_requests()[0], m); });
    for (const SystemRequest& request : account_requests()) {
        subscribe(*account_, fmt::format("{}*.{}", kAccountRequestPrefix, request.name),
                  [this, &request](const Received& m) {
                      const size_t begin = kAccountRequestPrefix.size();
                      const size_t end = m.subject.size() - request.name.size() - 1;
                      const std::string name = m.subject.substr(begin, end - begin);
                      // PING asks for all accounts, where that is possible.
                      answer_account(request, *account_, name == "PING" ? "" : name, m);
                  });
    }
}

void SystemEvents::serve_account(account::Account& account) {
    if (&account == account_) return;
    {
        const std::lock_guard lock(mutex_);
        if (!served_.insert(&account).second) return;
    }
    serve_users(account);
}

void SystemEvents::answer_server(const SystemRequest& request, const Received& received) {
    // Without a reply subject, statistics go to everybody.
    if (received.reply.empty() && request.name != "STATSZ") return;
    std::string text;
    const Answered answered = answer_request(request, received.body, {}, sources(), writer_.get(),
                                             &parser_, &text);
    if (answered == Answered::kNotForUs) return;
    if (request.make == nullptr && answered == Answered::kWithPage) {
        text = request.name == "IDZ" ? make_idz(server_->facts().info) : statsz();
    }
    publish(*account_, received.reply.empty()
                ? fmt::format("$SYS.SERVER.{}.STATSZ", server_->facts().info.server_id)
                : received.reply,
            std::move(text));
}

void SystemEvents::answer_account(const SystemRequest& request, account::Account& asker,
                                  const std::string& account, const Received& received) {
    if (received.reply.empty()) return;
    std::string text;
    if (request.make == nullptr) {  // CONNS: of accounts that have connections here
        account::Account* asked = server_->accounts().find(account);
        if (asked == nullptr) return;
        text = account_connections_->describe(*asked);
        if (text.empty()) return;
    } else {
        if (request.name == "INFO" && account.empty()) return;
        std::vector<std::pair<std::string, std::string>> fixed;
        if (!account.empty()) fixed.emplace_back("acc", account);
        if (request.name == "SUBSZ") fixed.emplace_back("subs", "1");
        if (answer_request(request, received.body, fixed, sources(), writer_.get(), &parser_, &text) ==
            Answered::kNotForUs) {
            return;
        }
    }
    publish(asker, received.reply, std::move(text));
}

}  // namespace

std::unique_ptr<server::Subsystem> create_system_events(const config::Options& options) {
    if (options.no_system_account && options.system_account.empty()) return nullptr;
    return std::make_unique<SystemEvents>();
}

}  // namespace nuring::monitor

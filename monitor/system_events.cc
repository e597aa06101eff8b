// SPDX-License-Identifier: Apache-2.0
#include "monitor/system_events.h"

#include "core/link/peer_snapshot.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "core/auth/authenticator.h"
#include "core/base/rfc3339.h"
#include "core/link/client.h"
#include "core/ring/kernel_sockets.h"
#include "core/runtime/timer_wheel.h"
#include "fmt/format.h"
#include "monitor/event_writer.h"
#include "monitor/pages.h"
#include "monitor/process_usage.h"
#include "monitor/service_latency.h"
#include "monitor/system_requests.h"
#include "monitor/user_info.h"

namespace nuring::monitor {
namespace {

// The server's statistics: soon after the start, then at twice the distance each, up to this.
constexpr uint64_t kFirstHeartbeat_ns = 250'000'000;
constexpr uint64_t kHeartbeat_ns = 30'000'000'000;

constexpr uint64_t kSecond_ns = 1'000'000'000;

// Requests that may wait for the control thread; what comes beyond is not answered.
constexpr uint32_t kRequestsMax = 256;

using AccountSums = absl::flat_hash_map<const account::Account*, link::AccountSnapshot>;

class SystemEvents final : public server::Subsystem, private link::LinkEvents {
  public:
    absl::Status start(server::Server& server,
                       std::shared_ptr<const config::Options> options) override;
    void on_ready() override { ready_ = true; }
    void reload(std::shared_ptr<const config::Options> options) override;
    void stop() override;

  private:
    struct HeartbeatTimer : runtime::Timer {
        explicit HeartbeatTimer(SystemEvents& events) : Timer(&fired), owner(events) {}
        static void fired(Timer& timer) { static_cast<HeartbeatTimer&>(timer).owner.on_timer(); }
        SystemEvents& owner;
    };
    // A message for the control thread.
    struct Received {
        std::string subject;
        std::string reply;
        std::string body;
    };

    // link::LinkEvents: on the client's worker.
    void on_connected(link::WorkerLinks& links, const link::Client& client) override;
    void on_refused(link::WorkerLinks& links, const link::Client& client) override;
    void on_closed(link::WorkerLinks& links, const link::Client& client) override;
    void on_service_latency(link::WorkerLinks& links, link::ServiceLatency latency) override {
        tell_service_latency(*server_, *writer_, links, std::move(latency));
    }
    void tell(link::WorkerLinks& links, const link::Client& client, std::string subject,
              std::optional<link::CloseReason> ended);
    void note_account(link::WorkerLinks& links, account::Account& account);

    // Worker 0.
    void on_timer();

    // Control thread.
    void take(std::shared_ptr<const config::Options> options);
    std::shared_ptr<const config::Options> options();
    Sources sources();
    void serve_users(account::Account& account);
    void subscribe_requests();
    void serve_account(account::Account& account);
    template <class Answer>
    void subscribe(account::Account& account, std::string subject, Answer answer);
    void publish(std::string subject, std::string body);
    AccountSums ask_accounts();
    void repeat_account_connections();
    void publish_account_connections(const std::vector<account::Account*>& accounts);
    void answer_server(const SystemRequest& request, const Received& received);
    void answer_account(const SystemRequest& request, account::Account& asker,
                        const std::string& account, const Received& received);
    std::string statsz();
    std::string idz();

    server::Server* server_ = nullptr;
    account::Account* account_ = nullptr;  // the system account
    std::unique_ptr<server::SurveyRunner> runner_;
    std::unique_ptr<EventWriter> writer_;
    ProcessUsage usage_;
    proto::JsonParser parser_;
    base::Prng prng_{1};
    uint64_t config_load_ns_ = 0;
    bool auth_required_ = false;
    bool ready_ = false;
    bool stopping_ = false;

    HeartbeatTimer timer_{*this};  // worker 0
    uint64_t distance_ns_ = kFirstHeartbeat_ns;

    std::atomic<uint32_t> waiting_{0};  // requests for the control thread

    std::mutex mutex_;
    std::shared_ptr<const config::Options> options_;        // guarded by mutex_, as what follows
    absl::flat_hash_set<account::Account*> changed_;        // connections came or went
    absl::flat_hash_set<const account::Account*> served_;   // have the requests of users
};

// ------------------------------------------------------------------------------- start and stop

absl::Status SystemEvents::start(server::Server& server,
                                 std::shared_ptr<const config::Options> options) {
    server_ = &server;
    account_ = server.system_account();
    runner_ = std::make_unique<server::SurveyRunner>(server);
    writer_ = std::make_unique<EventWriter>(server);
    prng_ = base::Prng(server.links(0).ring.random_seed());
    take(std::move(options));
    server.set_link_events(this);
    subscribe_requests();
    for (account::Account* account : server.accounts().list()) serve_account(*account);
    server.post(0, [this] {
        server_->links(0).timers.arm(timer_, server_->links(0).ring.now_ns() + distance_ns_);
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
    const std::string& id = server_->facts().info.server_id;
    publish(fmt::format("$SYS.SERVER.{}.SHUTDOWN", id), writer_->shutdown(*options()));
}

void SystemEvents::take(std::shared_ptr<const config::Options> options) {
    auth_required_ = auth::Authenticator(*options).required();
    config_load_ns_ = ring::realtime_ns();
    const std::lock_guard lock(mutex_);
    options_ = std::move(options);
}

std::shared_ptr<const config::Options> SystemEvents::options() {
    const std::lock_guard lock(mutex_);
    return options_;
}

// ------------------------------------------------------------------------------- events of clients

void SystemEvents::on_connected(link::WorkerLinks& links, const link::Client& client) {
    account::Account& account = client.account();
    note_account(links, account);
    if (&account == &links.accounts.global()) return;  // those are not told, as in the reference
    serve_account(account);
    tell(links, client, fmt::format("$SYS.ACCOUNT.{}.CONNECT", account.name()), std::nullopt);
}

void SystemEvents::on_closed(link::WorkerLinks& links, const link::Client& client) {
    account::Account& account = client.account();
    note_account(links, account);
    if (&account == &links.accounts.global()) return;
    tell(links, client, fmt::format("$SYS.ACCOUNT.{}.DISCONNECT", account.name()),
         client.close_reason());
}

void SystemEvents::on_refused(link::WorkerLinks& links, const link::Client& client) {
    tell(links, client, fmt::format("$SYS.SERVER.{}.CLIENT.AUTH.ERR", links.facts.info.server_id),
         link::CloseReason::kAuthenticationFailure);
}

// ended: why it goes; nothing: it has just come.
void SystemEvents::tell(link::WorkerLinks& links, const link::Client& client, std::string subject,
                        std::optional<link::CloseReason> ended) {
    if (!links.internal.has_interest(*account_, subject)) return;
    link::ConnectionSnapshot snapshot;
    const uint64_t now_ns = links.ring.wall_ns();
    client.copy_numbers(now_ns, &snapshot);
    client.copy_texts(&snapshot);
    std::string body;
    if (ended.has_value()) {
        snapshot.stop_ns = now_ns;
        snapshot.reason = *ended;
        body = writer_->disconnect(*links.options, snapshot, &links.prng);
    } else {
        body = writer_->connect(*links.options, snapshot, &links.prng);
    }
    links.internal.publish({.account = account_,
                            .subject = std::move(subject),
                            .reply = {},
                            .headers = {},
                            .body = std::move(body)});
}

// ------------------------------------------------------------------------------- events of accounts

std::array<std::string, 2> connection_subjects(const account::Account& account) {
    return {fmt::format("$SYS.SERVER.ACCOUNT.{}.CONNS", account.name()),
            fmt::format("$SYS.ACCOUNT.{}.SERVER.CONNS", account.name())};
}

// Changes are gathered until the control thread looks: a storm of clients makes few events.
void SystemEvents::note_account(link::WorkerLinks& links, account::Account& account) {
    const auto subjects = connection_subjects(account);
    if (std::none_of(subjects.begin(), subjects.end(), [&](const std::string& subject) {
            return links.internal.has_interest(*account_, subject);
        })) {
        return;
    }
    const std::lock_guard lock(mutex_);
    if (!changed_.insert(&account).second || changed_.size() > 1) return;
    server_->control().post([this] {
        std::vector<account::Account*> accounts;
        {
            const std::lock_guard inner_lock(mutex_);
            accounts.assign(changed_.begin(), changed_.end());
            changed_.clear();
        }
        publish_account_connections(accounts);
    });
}

AccountSums SystemEvents::ask_accounts() {
    AccountSums sums;
    for (const auto& survey : runner_->run<link::AccountSurvey>(
             [] { return std::make_shared<link::AccountSurvey>(); })) {
        for (const auto& [account, part] : survey->accounts()) sums[account] += part;
    }
    return sums;
}

void SystemEvents::publish_account_connections(const std::vector<account::Account*>& accounts) {
    if (stopping_ || accounts.empty()) return;
    AccountSums sums = ask_accounts();
    for (account::Account* account : accounts) {
        const std::string body = writer_->account_connections(*options(), account->name(),
                                                              sums[account], &prng_);
        for (std::string& subject : connection_subjects(*account)) publish(std::move(subject), body);
    }
}

// ------------------------------------------------------------------------------- heartbeat

void SystemEvents::on_timer() {
    link::WorkerLinks& links = server_->links(0);
    const bool full = distance_ns_ == kHeartbeat_ns;
    distance_ns_ = std::min(distance_ns_ * 2, kHeartbeat_ns);
    links.timers.arm(timer_, links.ring.now_ns() + distance_ns_);
    std::string subject = fmt::format("$SYS.SERVER.{}.STATSZ", links.facts.info.server_id);
    if (links.internal.has_interest(*account_, subject)) {
        server_->control().post([this, subject = std::move(subject)] {
            if (!stopping_) publish(subject, statsz());
        });
    }
    if (full && links.internal.has_interest(*account_, "$SYS.SERVER.ACCOUNT.*.CONNS")) {
        server_->control().post([this] { repeat_account_connections(); });
    }
}

// Who listens late learns of every account that has clients, too.
void SystemEvents::repeat_account_connections() {
    std::vector<account::Account*> accounts = server_->accounts().list();
    const AccountSums sums = ask_accounts();
    std::erase_if(accounts, [&sums](const account::Account* account) {
        const auto found = sums.find(account);
        return found == sums.end() || found->second.connections == 0;
    });
    publish_account_connections(accounts);
}

namespace {

void write_statsz_routes(JsonWriter* json, const Sources& from) {
    std::vector<link::PeerSnapshot> routes;
    for (const auto& survey :
         from.runner.run<link::PeerSurvey>([] { return std::make_shared<link::PeerSurvey>(); })) {
        routes.insert(routes.end(), survey->peers().begin(), survey->peers().end());
    }
    if (routes.empty()) return;
    json->begin_array("routes");
    for (const link::PeerSnapshot& route : routes) {
        json->begin_object();
        json->field("rid", route.cid);
        json->field("name", route.remote_name);
        write_traffic(json, "sent", route.traffic.out_messages, route.traffic.out_bytes);
        write_traffic(json, "received", route.traffic.in_messages, route.traffic.in_bytes);
        json->field("pending", route.pending_bytes);
        json->end_object();
    }
    json->end_array();
}

}  // namespace

std::string SystemEvents::statsz() {
    const Sources from = sources();
    const Totals totals = sum_of(ask_workers(from));
    const link::ServerFacts& facts = server_->facts();
    const AccountSums accounts = ask_accounts();
    const auto active = std::count_if(accounts.begin(), accounts.end(), [](const auto& entry) {
        return entry.second.connections != 0;
    });
    std::string text;
    JsonWriter json(&text, /*indent=*/0);
    json.begin_object();
    json.begin_object("server");
    writer_->write_server(&json, *from.options);
    json.end_object();
    json.begin_object("statsz");
    json.field("start", base::format_rfc3339(facts.start_wall_ns));
    json.field("mem", usage_.memory_bytes());
    json.field("cores", std::thread::hardware_concurrency());
    json.field("cpu", usage_.cpu_percent());
    json.field("connections", facts.clients.load(std::memory_order_relaxed));
    json.field("total_connections", facts.total_clients.load(std::memory_order_relaxed));
    json.field("active_accounts", active);
    json.field("subscriptions", count_subscriptions(from));
    write_traffic(&json, "sent", totals.counters.out_messages, totals.counters.out_bytes);
    write_traffic(&json, "received", totals.counters.in_messages, totals.counters.in_bytes);
    json.field("slow_consumers", totals.slow_consumers());
    json.field("active_servers", totals.routes + 1);
    write_statsz_routes(&json, from);
    json.end_object();
    json.end_object();
    return text;
}

std::string SystemEvents::idz() {
    const proto::ServerInfo& info = server_->facts().info;
    std::string text;
    JsonWriter json(&text, /*indent=*/0);
    json.begin_object();
    json.field("name", info.server_name);
    json.field("host", info.host);
    json.field("id", info.server_id);
    json.end_object();
    return text;
}

// ------------------------------------------------------------------------------- requests

Sources SystemEvents::sources() {
    return {.server = *server_,
            .runner = *runner_,
            .usage = usage_,
            .options = options(),
            .config_load_ns = config_load_ns_,
            .auth_required = auth_required_,
            .ready = ready_,
            .http_port = static_cast<uint16_t>(std::max(options()->http.port, 0)),
            .https_port = static_cast<uint16_t>(std::max(options()->http.https_port, 0)),
            .request_counts = {}};
}

void SystemEvents::publish(std::string subject, std::string body) {
    server_->publish({.account = account_,
                      .subject = std::move(subject),
                      .reply = {},
                      .headers = {},
                      .body = std::move(body)});
}

// The message is copied, and answered on the control thread.
template <class Answer>
void SystemEvents::subscribe(account::Account& account, std::string subject, Answer answer) {
    server_->subscribe(account, std::move(subject), [this, answer](const link::InternalMessage& m) {
        // relaxed: only the number matters
        if (waiting_.fetch_add(1, std::memory_order_relaxed) >= kRequestsMax) {
            waiting_.fetch_sub(1, std::memory_order_relaxed);
            return;
        }
        server_->control().post([this, answer,
                                 received = Received{std::string(m.subject), std::string(m.reply),
                                                     std::string(m.body)}] {
            waiting_.fetch_sub(1, std::memory_order_relaxed);
            if (!stopping_) answer(received);
        });
    });
}

// A user asks who it is and what it may do. The worker that has the connection answers.
void SystemEvents::serve_users(account::Account& account) {
    server_->subscribe(
        account, "$SYS.REQ.USER.INFO", [this](const link::InternalMessage& message) {
            if (message.reply.empty() || !message.origin.valid()) return;
            const auto worker = static_cast<uint32_t>(message.origin.worker());
            server_->post(worker, [this, worker, origin = message.origin, asker = &message.account,
                                   reply = std::string(message.reply)] {
                link::WorkerLinks& links = server_->links(worker);
                const link::Link* link = links.table.find(origin);
                if (link == nullptr || link->kind() != proto::Kind::kClient) return;
                std::string text;
                JsonWriter json(&text, /*indent=*/0);
                json.begin_object();
                json.begin_object("server");
                writer_->write_server(&json, *links.options);
                json.end_object();
                write_user_info(&json.key("data"), static_cast<const link::Client&>(*link),
                                links.authenticator->trust().get(),
                                static_cast<int64_t>(links.ring.wall_ns() / kSecond_ns));
                json.end_object();
                links.internal.publish({.account = asker,
                                        .subject = reply,
                                        .reply = {},
                                        .headers = {},
                                        .body = std::move(text)});
            });
        });
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
    // The old form of PING.STATSZ.
    subscribe(*account_, "$SYS.REQ.SERVER.PING",
              [this](const Received& m) { answer_server(server_requests()[0], m); });
    for (const SystemRequest& request : account_requests()) {
        subscribe(*account_, fmt::format("$SYS.REQ.ACCOUNT.*.{}", request.name),
                  [this, &request](const Received& m) {
                      constexpr size_t kPrefix = std::string_view("$SYS.REQ.ACCOUNT.").size();
                      const size_t end = m.subject.size() - request.name.size() - 1;
                      // PING asks for all accounts, where that is possible.
                      const std::string name = m.subject.substr(kPrefix, end - kPrefix);
                      answer_account(request, *account_, name == "PING" ? "" : name, m);
                  });
    }
}

// The users of an account may ask about the account, under names that say no account: whatever they send,
// they see their own.
void SystemEvents::serve_account(account::Account& account) {
    if (&account == account_) return;
    {
        const std::lock_guard lock(mutex_);
        if (!served_.insert(&account).second) return;
    }
    struct Service {
        std::string_view subject;
        std::string_view request;
    };
    serve_users(account);
    constexpr std::array kServices = {Service{"$SYS.REQ.SERVER.PING.CONNZ", "CONNZ"},
                                      Service{"$SYS.REQ.ACCOUNT.PING.CONNZ", "CONNZ"},
                                      Service{"$SYS.REQ.ACCOUNT.PING.STATZ", "STATZ"}};
    for (const Service& service : kServices) {
        const auto found = std::find_if(account_requests().begin(), account_requests().end(),
                                        [&](const auto& each) { return each.name == service.request; });
        subscribe(account, std::string(service.subject), [this, &account, found](const Received& m) {
            answer_account(*found, account, account.name(), m);
        });
    }
}

void SystemEvents::answer_server(const SystemRequest& request, const Received& received) {
    // Without a reply subject, statistics go to everybody.
    if (received.reply.empty() && request.name != "STATSZ") return;
    std::string text;
    const Answered answered = answer_request(request, received.body, {}, sources(), writer_.get(),
                                             &parser_, &text);
    if (answered == Answered::kNotForUs) return;
    if (request.make == nullptr && answered == Answered::kWithPage) {
        text = request.name == "IDZ" ? idz() : statsz();
    }
    publish(received.reply.empty()
                ? fmt::format("$SYS.SERVER.{}.STATSZ", server_->facts().info.server_id)
                : received.reply,
            std::move(text));
}

void SystemEvents::answer_account(const SystemRequest& request, account::Account& asker,
                                  const std::string& account, const Received& received) {
    if (received.reply.empty()) return;
    std::string text;
    if (request.make == nullptr) {  // CONNS: who has clients of that account tells how many
        account::Account* asked = server_->accounts().find(account);
        if (asked == nullptr) return;
        AccountSums sums = ask_accounts();
        if (sums[asked].connections == 0) return;
        text = writer_->account_connections(*options(), account, sums[asked], &prng_);
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
    server_->publish({.account = &asker,
                      .subject = received.reply,
                      .reply = {},
                      .headers = {},
                      .body = std::move(text)});
}

}  // namespace

std::unique_ptr<server::Subsystem> create_system_events(const config::Options& options) {
    if (options.no_system_account && options.system_account.empty()) return nullptr;
    return std::make_unique<SystemEvents>();
}

}  // namespace nuring::monitor

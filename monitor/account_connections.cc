// SPDX-License-Identifier: Apache-2.0
#include "monitor/account_connections.h"

#include <algorithm>
#include <array>
#include <utility>

#include "fmt/format.h"
#include "proto/json_writer.h"

namespace nuring::monitor {
namespace {

// Behind the coming of another server: until both know what the other listens to.
constexpr uint64_t kJoinDelay_ns = 300'000'000;

constexpr std::string_view kServerPrefix = "$SYS.SERVER.";

// The old subject and the new one.
std::array<std::string, 2> connection_subjects(const account::Account& account) {
    return {fmt::format("$SYS.SERVER.ACCOUNT.{}.CONNS", account.name()),
            fmt::format("$SYS.ACCOUNT.{}.SERVER.CONNS", account.name())};
}

}  // namespace

AccountConnections::AccountConnections(Parts parts)
    : parts_(std::move(parts)),
      account_(*parts_.server.system_account()),
      prng_(parts_.server.worker_state(0).host.ring.random_seed()),
      cluster_connections_(parts_.server.accounts(), parts_.server.facts().info.server_id) {}

void AccountConnections::note_change(server::WorkerState& state, account::Account& account) {
    const auto subjects = connection_subjects(account);
    if (std::none_of(subjects.begin(), subjects.end(), [&](const std::string& subject) {
            return state.internal.has_interest(account_, subject);
        })) {
        return;
    }
    const std::lock_guard lock(mutex_);
    if (!changed_.insert(&account).second || changed_.size() > 1) return;
    parts_.answers.add_own([this] { publish_changes(); });
}

void AccountConnections::publish_changes() {
    std::vector<account::Account*> accounts;
    {
        const std::lock_guard lock(mutex_);
        accounts.assign(changed_.begin(), changed_.end());
        changed_.clear();
    }
    publish(accounts, ask_accounts(parts_.server, parts_.runner));
}

void AccountConnections::publish(const std::vector<account::Account*>& accounts, const AccountSums& sums) {
    for (const account::Account* account : accounts) {
        const std::string body = write(*account, sums);
        for (std::string& subject : connection_subjects(*account)) {
            parts_.server.publish({.account = &account_,
                                   .subject = std::move(subject),
                                   .reply = {},
                                   .headers = {},
                                   .body = body});
        }
    }
}

std::string AccountConnections::write(const account::Account& account, const AccountSums& sums) {
    const auto found = sums.find(&account);
    return parts_.writer.account_connections(*parts_.options(), account.name(),
                                             found == sums.end() ? observe::AccountSnapshot{} : found->second,
                                             &prng_);
}

std::string AccountConnections::describe(account::Account& account) {
    const AccountSums sums = ask_accounts(parts_.server, parts_.runner);
    const auto found = sums.find(&account);
    const bool has_any =
        found != sums.end() && found->second.connections + found->second.leafnodes != 0;
    return has_any ? write(account, sums) : std::string();
}

// A server that listens late learns of every account that has connections, too.
void AccountConnections::repeat() {
    const account::AccountList all = parts_.server.accounts().list();
    std::vector<account::Account*> accounts(all.begin(), all.end());
    const AccountSums sums = ask_accounts(parts_.server, parts_.runner);
    std::erase_if(accounts, [&sums](const account::Account* account) {
        const auto found = sums.find(account);
        return found == sums.end() || found->second.connections + found->second.leafnodes == 0;
    });
    publish(accounts, sums);
}

void AccountConnections::repeat_if_wanted() {
    if (!parts_.server.worker_state(0).internal.has_interest(account_, "$SYS.SERVER.ACCOUNT.*.CONNS")) return;
    parts_.answers.add_own([this] { repeat(); });
}

// ------------------------------------------------------------------------------- other servers

void AccountConnections::follow_other_servers() {
    const std::shared_ptr<const config::Options> now = parts_.options();
    if (now->cluster.port == 0 && !now->gateway.configured()) return;
    parts_.server.facts().server_events = this;
    const auto listen = [this](std::string subject, auto handle) {
        parts_.server.subscribe(account_, std::move(subject), handle);
    };
    const auto announced = [this](const client::InternalMessage& message) { on_announced(message.body); };
    listen("$SYS.ACCOUNT.*.SERVER.CONNS", announced);
    listen(answers_subject(), announced);
    listen("$SYS.SERVER.*.SHUTDOWN",
           [this](const client::InternalMessage& message) { on_shutdown(message.subject); });
}

void AccountConnections::on_shutdown(std::string_view subject) {
    const std::string_view id = subject.substr(kServerPrefix.size());
    cluster_connections_.forget(std::string(id.substr(0, id.find('.'))));
}

void AccountConnections::on_announced(std::string_view json) {
    if (cluster_connections_.update(json)) parts_.server.refresh_accounts();
}

// A moment later: by then both servers know what the other listens to.
void AccountConnections::on_server_joined(const std::string& server_id) {
    parts_.server.post(0, [this, server_id] {
        ++links_of_servers_[server_id];
        if (join_timer_.armed()) return;
        link::LinkHost& host = parts_.server.worker_state(0).host;
        host.timers.arm(join_timer_, host.ring.now_ns() + kJoinDelay_ns);
    });
}

void AccountConnections::on_server_left(const std::string& server_id) {
    parts_.server.post(0, [this, server_id] {
        const auto links = links_of_servers_.find(server_id);
        if (links == links_of_servers_.end() || --links->second > 0) return;
        links_of_servers_.erase(links);
        cluster_connections_.forget(server_id);
    });
}

// Limits are read here, on a worker: they are replaced between the turns of workers.
void AccountConnections::on_join_timer() {
    std::vector<const account::Account*> limited;
    for (const account::Account* account : parts_.server.accounts().list()) {
        const config::AccountLimits& limits = account->exchange().limits;
        if (limits.connections >= 0 || limits.leafnodes >= 0) limited.push_back(account);
    }
    parts_.answers.add_own([this, limited = std::move(limited)] {
        repeat();
        ask_others(limited);
    });
}

// Source: server/accounts.go, enableAccountTracking 2.9.10.
void AccountConnections::ask_others(const std::vector<const account::Account*>& accounts) {
    for (const account::Account* account : accounts) {
        std::string body;
        proto::JsonWriter json(&body, /*indent=*/0);
        json.begin_object();
        json.field("acc", account->name());
        json.end_object();
        parts_.server.publish({.account = &account_,
                               .subject = fmt::format("$SYS.REQ.ACCOUNT.{}.CONNS", account->name()),
                               .reply = answers_subject(),
                               .headers = {},
                               .body = std::move(body)});
    }
}

std::string AccountConnections::answers_subject() const {
    return fmt::format("$SYS._INBOX_.{}", parts_.server.facts().info.server_id);
}

}  // namespace nuring::monitor

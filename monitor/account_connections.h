// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "core/account/account.h"
#include "core/base/prng.h"
#include "core/link/server_events.h"
#include "core/runtime/owned_timer.h"
#include "core/server/server.h"
#include "core/server/survey_runner.h"
#include "monitor/account_sums.h"
#include "monitor/answer_thread.h"
#include "monitor/cluster_connections.h"
#include "monitor/event_writer.h"

namespace nuring::monitor {

// AccountConnections announces to other servers how many connections each account has here, and learns from
// them how many it has there: connections of an account count over the whole cluster, and over the clusters
// that gateways join.
// Threads: note_change() on any worker; the functions of worker 0 and of the answers' thread say so.
// Limits:  changes are gathered until the answers' thread looks: a storm of clients makes few events.
// Errors:  none. Lifetime: outlives the tasks of the workers and of the answers' thread.
// Source:  server/events.go and accounts.go 2.9.10.
class AccountConnections final : private link::ServerEvents {
  public:
    struct Parts {
        server::Server& server;
        server::SurveyRunner& runner;
        EventWriter& writer;
        AnswerThread& answers;
        std::function<std::shared_ptr<const config::Options>()> options;  // any thread
    };

    explicit AccountConnections(Parts parts);

    // Listens to other servers, if there may be any. Before the workers run.
    void follow_other_servers();
    // Connections of that account have come or gone.
    void note_change(server::WorkerState& state, account::Account& account);
    // Worker 0: for servers that listen late.
    void repeat_if_wanted();
    // The answers' thread: the event of that account; empty: it has no connection here.
    std::string describe(account::Account& account);

  private:
    // link::ServerEvents: on the link's worker.
    void on_server_joined(const std::string& server_id) override;
    void on_server_left(const std::string& server_id) override;

    // Worker 0.
    void on_join_timer();
    void on_announced(std::string_view json);
    void on_shutdown(std::string_view subject);

    // The answers' thread.
    void publish_changes();
    void publish(const std::vector<account::Account*>& accounts, const AccountSums& sums);
    void repeat();
    void ask_others(const std::vector<const account::Account*>& accounts);
    std::string write(const account::Account& account, const AccountSums& sums);

    std::string answers_subject() const;

    const Parts parts_;
    account::Account& account_;  // the system account
    base::Prng prng_;            // the answers' thread

    absl::flat_hash_map<std::string, int> links_of_servers_;  // worker 0: by id
    runtime::OwnedTimer<AccountConnections, &AccountConnections::on_join_timer> join_timer_{*this};
    ClusterConnections cluster_connections_;  // worker 0

    std::mutex mutex_;
    absl::flat_hash_set<account::Account*> changed_;  // guarded by mutex_
};

}  // namespace nuring::monitor

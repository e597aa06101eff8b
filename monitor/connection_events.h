// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "core/client/client.h"
#include "core/client/connection_snapshot.h"
#include "core/link/close_reason.h"
#include "core/server/worker_state.h"
#include "monitor/event_writer.h"

namespace nuring::monitor {

// ConnectionEvents publishes in the system account that a client or leafnode has come, gone or been refused.
// Threads: any worker, that of the connection. Limits: an event is written only if somebody listens to it.
// Errors:  none. Source: server/events.go 2.9.10.
class ConnectionEvents {
  public:
    ConnectionEvents(account::Account& system_account, EventWriter& writer)
        : account_(system_account), writer_(writer) {}

    void on_connected(server::WorkerState& state, const client::Client& client);
    void on_refused(server::WorkerState& state, const client::Client& client);
    void on_closed(server::WorkerState& state, const client::Client& client);
    void on_leaf_connected(server::WorkerState& state, account::Account& account,
                           const client::ConnectionSnapshot& leaf, bool is_user);
    void on_leaf_closed(server::WorkerState& state, account::Account& account,
                        const client::ConnectionSnapshot& leaf);

  private:
    // ended: why it goes; nothing: it has just come.
    void publish_client(server::WorkerState& state, const client::Client& client, std::string subject,
                        std::optional<link::CloseReason> ended);
    void publish_leaf(server::WorkerState& state, const account::Account& account,
                      const client::ConnectionSnapshot& leaf);
    void publish(server::WorkerState& state, std::string subject, std::string body);

    account::Account& account_;  // the system account
    EventWriter& writer_;
};

}  // namespace nuring::monitor

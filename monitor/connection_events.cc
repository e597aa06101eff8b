// SPDX-License-Identifier: Apache-2.0
#include "monitor/connection_events.h"

#include <cassert>
#include <utility>

#include "fmt/format.h"

namespace nuring::monitor {

void ConnectionEvents::on_connected(server::WorkerState& state, const client::Client& client) {
    publish_client(state, client, fmt::format("$SYS.ACCOUNT.{}.CONNECT", client.account().name()),
                   std::nullopt);
}

void ConnectionEvents::on_closed(server::WorkerState& state, const client::Client& client) {
    publish_client(state, client, fmt::format("$SYS.ACCOUNT.{}.DISCONNECT", client.account().name()),
                   client.close_reason());
}

void ConnectionEvents::on_refused(server::WorkerState& state, const client::Client& client) {
    publish_client(state, client,
                   fmt::format("$SYS.SERVER.{}.CLIENT.AUTH.ERR", state.host.facts.info.server_id),
                   link::CloseReason::kAuthenticationFailure);
}

void ConnectionEvents::publish_client(server::WorkerState& state, const client::Client& client,
                                      std::string subject, std::optional<link::CloseReason> ended) {
    if (!state.internal.has_interest(account_, subject)) return;
    client::ConnectionSnapshot snapshot;
    const uint64_t now_ns = state.host.ring.wall_ns();
    client.copy_numbers(now_ns, &snapshot);
    client.copy_texts(&snapshot);
    const config::Options& options = state.clients.options();
    if (!ended.has_value()) {
        return publish(state, std::move(subject), writer_.connect(options, snapshot, &state.delivery.prng));
    }
    snapshot.stop_ns = now_ns;
    snapshot.reason = *ended;
    publish(state, std::move(subject), writer_.disconnect(options, snapshot, &state.delivery.prng));
}

void ConnectionEvents::on_leaf_connected(server::WorkerState& state, account::Account& account,
                                         const client::ConnectionSnapshot& leaf, bool is_user) {
    if (is_user) publish_leaf(state, account, leaf);
    const config::Options& options = state.clients.options();
    if (!options.gateway.configured()) return;
    // Without a look at the interest: the servers of other clusters have announced nothing of theirs.
    publish(state, fmt::format("$SYS.ACCOUNT.{}.LEAFNODE.CONNECT", account.name()),
            writer_.leafnode_connect(options, account.name()));
}

void ConnectionEvents::on_leaf_closed(server::WorkerState& state, account::Account& account,
                                      const client::ConnectionSnapshot& leaf) {
    assert(leaf.stop_ns != 0);
    publish_leaf(state, account, leaf);
}

void ConnectionEvents::publish_leaf(server::WorkerState& state, const account::Account& account,
                                    const client::ConnectionSnapshot& leaf) {
    const bool is_gone = leaf.stop_ns != 0;
    std::string subject =
        fmt::format("$SYS.ACCOUNT.{}.{}", account.name(), is_gone ? "DISCONNECT" : "CONNECT");
    if (!state.internal.has_interest(account_, subject)) return;
    const config::Options& options = state.clients.options();
    publish(state, std::move(subject),
            is_gone ? writer_.disconnect(options, leaf, &state.delivery.prng)
                    : writer_.connect(options, leaf, &state.delivery.prng));
}

void ConnectionEvents::publish(server::WorkerState& state, std::string subject, std::string body) {
    state.internal.publish({.account = &account_,
                            .subject = std::move(subject),
                            .reply = {},
                            .headers = {},
                            .body = std::move(body)});
}

}  // namespace nuring::monitor

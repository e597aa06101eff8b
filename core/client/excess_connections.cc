// SPDX-License-Identifier: Apache-2.0
#include "core/client/excess_connections.h"

#include <algorithm>
#include <cassert>

#include "core/account/account.h"
#include "core/client/client.h"
#include "core/client/client_host.h"
#include "core/delivery/remote_server.h"

namespace nuring::client {

bool ExcessConnections::add(const ClientHost& clients) {
    Found found;
    clients.host.table.for_each([&found](link::Link& link) {
        Client* const client = as_client(&link);
        if (client == nullptr || !client->counts_for_account()) return;
        if (client->account().excess_connections() == 0) return;
        found[&client->account()].push_back(of(*client));
    });
    for (const delivery::RemoteServer* server : clients.delivery.servers.list()) {
        account::Account* const account = server->counted_account();
        if (account != nullptr && account->excess_connections() > 0) found[account].push_back(of(*server));
    }
    const std::lock_guard lock(mutex_);
    for (const auto& [account, connections] : found) {
        std::vector<Connection>& all = found_[account];
        all.insert(all.end(), connections.begin(), connections.end());
    }
    assert(missing_ > 0);
    if (--missing_ > 0) return false;
    choose();
    return !chosen_.empty();
}

void ExcessConnections::choose() {
    const auto is_younger = [](const Connection& a, const Connection& b) { return a.cid > b.cid; };
    for (auto& [account, connections] : found_) {
        const auto excess = static_cast<size_t>(account->excess_connections());
        const size_t count = std::min(excess, connections.size());
        const auto end = connections.begin() + static_cast<std::ptrdiff_t>(count);
        std::partial_sort(connections.begin(), end, connections.end(), is_younger);
        chosen_.insert(chosen_.end(), connections.begin(), end);
    }
    // Accounts come in the order of their addresses, which differs from run to run.
    std::sort(chosen_.begin(), chosen_.end(), is_younger);
}

void ExcessConnections::close(const ClientHost& clients) const {
    for (const Connection& each : chosen_) {
        if (Client* client = as_client(clients.host.table.find(each.handle))) {
            client->close_if_excess();
        } else {
            close_server(clients.delivery.servers, each.handle);
        }
    }
}

void ExcessConnections::close_server(const delivery::RemoteServers& servers, base::LinkHandle handle) {
    const auto list = servers.list();
    const auto found =
        std::find_if(list.begin(), list.end(),
                     [handle](const delivery::RemoteServer* each) { return each->handle() == handle; });
    if (found != list.end()) (*found)->close_if_excess();  // which takes it off the list
}

}  // namespace nuring::client

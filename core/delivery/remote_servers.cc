// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/remote_servers.h"

#include <algorithm>
#include <cassert>

#include "core/delivery/announcer.h"
#include "core/delivery/remote_server.h"

namespace nuring::delivery {

void RemoteServers::add(RemoteServer& server) {
    assert(announcer_ != nullptr);
    assert(std::find(servers_.begin(), servers_.end(), &server) == servers_.end());
    servers_.push_back(&server);
    if (server.listens_alone()) of_all_accounts_.push_back(&server);
    announcer_->set_server_count(worker_, servers_.size());
}

void RemoteServers::remove(RemoteServer& server) {
    std::erase(servers_, &server);
    std::erase(sending_, &server);
    std::erase(of_all_accounts_, &server);
    announcer_->set_server_count(worker_, servers_.size());
}

void RemoteServers::listen(InterestListener& listener, const account::Account& account) {
    of_one_[&account].push_back(&listener);
}

void RemoteServers::unlisten(InterestListener& listener, const account::Account& account) {
    const auto found = of_one_.find(&account);
    assert(found != of_one_.end());
    std::erase(found->second, &listener);
    if (found->second.empty()) of_one_.erase(found);
}

template <typename Visit>
void RemoteServers::for_each_listener(const account::Account& account, Visit&& visit) {
    for (InterestListener* each : of_all_accounts_) visit(*each);
    const auto found = of_one_.find(&account);
    if (found == of_one_.end()) return;
    for (InterestListener* each : found->second) visit(*each);
}

void RemoteServers::announce(account::Account& account, std::string_view pattern,
                             std::string_view queue) {
    for_each_listener(account,
                      [&](InterestListener& each) { each.announce(account, pattern, queue); });
}

void RemoteServers::announce_others(account::Account& account, std::string_view pattern,
                                    std::string_view queue, proto::Kind kind) {
    for_each_listener(account, [&](InterestListener& each) {
        if (each.listens_to(kind)) each.announce(account, pattern, queue);
    });
}

void RemoteServers::announce_reply_patterns(account::AccountRegistry& accounts) {
    for (account::Account* account : accounts.list()) {
        const std::string_view pattern = account->reply_pattern();
        if (pattern.empty() || !with_replies_.insert(account).second) continue;
        announce(*account, pattern, {});
    }
}

bool RemoteServers::send_interest_slice() {
    if (sending_.empty()) return false;
    RemoteServer* server = sending_.front();
    if (server->send_interest_slice()) {
        std::erase(sending_, server);
    } else if (!sending_.empty()) {
        std::rotate(sending_.begin(), sending_.begin() + 1, sending_.end());
    }
    return !sending_.empty();
}

}  // namespace nuring::delivery

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "core/account/account_registry.h"
#include "core/base/ids.h"
#include "proto/kind.h"

namespace nuring::delivery {

class Announcer;
class InterestListener;
class RemoteServer;

// RemoteServers lists the links of one worker to other servers, and announces to them what this server wants.
// Threads: its worker. Limits, errors: none. Lifetime: a listed link removes itself when it closes.
class RemoteServers {
  public:
    // announcer: null where this server has no links to others, and never will.
    RemoteServers(base::WorkerId worker, Announcer* announcer)
        : worker_(worker), announcer_(announcer) {}
    RemoteServers(const RemoteServers&) = delete;
    RemoteServers& operator=(const RemoteServers&) = delete;

    // From now on changes of interest are announced to it, unless a listener that it shares does that.
    void add(RemoteServer& server);
    void remove(RemoteServer& server);
    std::span<RemoteServer* const> list() const { return servers_; }
    // Changes are announced to that listener: of one account, so that those of others cost nothing.
    void listen(InterestListener& listener, const account::Account& account);
    void unlisten(InterestListener& listener, const account::Account& account);

    void announce(account::Account& account, std::string_view pattern, std::string_view queue);
    // The interest of another server has changed: announced to those that take it
    // (InterestListener::listens_to()).
    void announce_others(account::Account& account, std::string_view pattern,
                         std::string_view queue, proto::Kind kind);
    // Announces the new patterns of replies to services: the AccountRegistry inserts them on a thread that is
    // no worker's, which announces nothing. They stay; a server that comes later reads them with all other
    // interest.
    void announce_reply_patterns(account::AccountRegistry& accounts);

    // send_interest_slice() of the server is called in each turn until it returns true.
    void send_interest_later(RemoteServer& server) { sending_.push_back(&server); }
    bool has_interest_to_send() const { return !sending_.empty(); }
    // Sends one slice. True: there is more.
    bool send_interest_slice();

  private:
    using Listeners = std::vector<InterestListener*>;
    template <typename Visit>
    void for_each_listener(const account::Account& account, Visit&& visit);

    const base::WorkerId worker_;
    Announcer* const announcer_;
    std::vector<RemoteServer*> servers_;
    Listeners of_all_accounts_;
    absl::flat_hash_map<const account::Account*, Listeners> of_one_;
    std::vector<RemoteServer*> sending_;
    absl::flat_hash_set<const account::Account*> with_replies_;  // whose pattern has been announced
};

}  // namespace nuring::delivery

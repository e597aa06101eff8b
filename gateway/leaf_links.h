// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/account/account.h"
#include "core/base/ids.h"
#include "core/server/link_workers.h"
#include "core/server/server.h"
#include "gateway/leaf_remote.h"
#include "gateway/leaf_settings.h"

namespace nuring::link {
struct Handover;
struct WebsocketTerms;
}  // namespace nuring::link

namespace nuring::gateway {

class LeafAudience;
struct LeafAudienceTerms;
class LeafLink;

// One registered leafnode link.
struct LeafEntry {
    base::LinkHandle link;
    account::Account* account = nullptr;
    std::string name;            // of the server at the far end
    std::string cluster;         // of it; empty: none
    std::string remote_account;  // at the far end; empty: not known
    bool is_solicited = false;
};

// LeafLinks holds what the leafnode links of one server share: the settings, the registered links, the
// remotes that are dialed, the audiences, and the subjects that find loops.
//
// Threads: the links call it on their workers; it takes a mutex for moments, when a link comes or ends, never
//          per message. set_remotes(), reload() and stop() on the control thread.
// Lifetime: outlives the workers' links.
class LeafLinks {
  public:
    LeafLinks(server::Server& server, std::shared_ptr<const LeafSettings> settings);
    ~LeafLinks();
    LeafLinks(const LeafLinks&) = delete;
    LeafLinks& operator=(const LeafLinks&) = delete;

    server::Server& server() { return workers_.server(); }
    std::shared_ptr<const LeafSettings> settings() const;
    bool stopping() const { return workers_.stopping(); }
    // Of that worker's thread.
    client::ClientHost& clients(base::WorkerId worker) {
        return server().worker_state(index_of(worker)).clients;
    }
    link::StrangerList& strangers(base::WorkerId worker) { return workers_.strangers(worker); }

    // --- control thread
    // Dials new remotes, and closes the links of those that are not in the list any more.
    void set_remotes(const std::vector<std::shared_ptr<const LeafRemoteSettings>>& remotes);
    void reload(std::shared_ptr<const LeafSettings> settings);
    // Dials nobody from now on; returns when no remote is left on any worker.
    void stop();

    // --- any worker
    // An accepted connection: goes to the worker with the fewest leafnode links.
    void accept(int fd);
    // One that came to the WebSocket port, on that worker's thread, where it stays.
    void accept(base::WorkerId worker, link::Handover&& connection,
                const link::WebsocketTerms& terms);
    enum class Registration : uint8_t {
        kAdded,
        kTooMany,  // the account has as many leafnodes as it may have
        kLoop,     // a leafnode of the hub's own cluster is connected to this server
    };
    // Registers; `replaced` is the link of the same server that has to go.
    Registration add(const LeafEntry& entry, std::string_view hub_cluster,
                     std::optional<base::LinkHandle>* replaced);
    // Its account has more leafnodes than it may have (other servers have some, too), and this link is among
    // the youngest of them.
    bool is_excess(const LeafLink& link) const;
    void closed(LeafLink& link);
    size_t count() const;

    // The audience of the link's worker with the same terms; the link is in it until it leaves.
    LeafAudience& join_audience(LeafLink& link, account::Account& account,
                                const LeafAudienceTerms& terms);
    void leave_audience(LeafLink& link, LeafAudience& audience);

    // From the name of an account here to its name at the hub of one of its links.
    using AccountNames = absl::flat_hash_map<std::string, std::string>;
    // An account of this server goes by that name at the hub of a link, in headers about requests.
    void learn_hub_account(base::WorkerId worker, std::string account, std::string name);
    // The names that this worker, the caller, has learnt. They stay when the link has ended.
    const AccountNames& hub_accounts(base::WorkerId worker) const {
        return hub_accounts_[index_of(worker)];
    }

    // The subject by which this server finds loops of that account.
    std::string loop_subject(const account::Account& account, ring::Ring& ring);
    // This server's cluster now; empty: none.
    std::string cluster() const;
    // The same in what leafnode links say; without a cluster the name of the server.
    std::string leaf_cluster() const;
    // Runs on the link's worker, if the link still stands.
    void with_link(base::LinkHandle link, std::function<void(LeafLink&)> function);

  private:
    struct Placed {
        std::shared_ptr<const LeafRemoteSettings> settings;
        uint32_t worker;
    };

    void begin(const Placed& placed);
    void renew(const Placed& placed, std::shared_ptr<const LeafRemoteSettings> settings);
    void end(const Placed& placed);
    void remove_entry(base::LinkHandle link);  // with mutex_

    server::LinkWorkers<LeafRemote> workers_;
    std::vector<Placed> placed_;  // of the control thread
    using Audiences =
        absl::flat_hash_map<const account::Account*, std::vector<std::unique_ptr<LeafAudience>>>;
    std::vector<Audiences> audiences_;  // of each worker, which alone uses its own
    std::vector<AccountNames> hub_accounts_;  // likewise

    mutable std::mutex mutex_;
    std::shared_ptr<const LeafSettings> settings_;                             // guarded by mutex_
    std::vector<LeafEntry> entries_;                                           // guarded by mutex_
    absl::flat_hash_map<const account::Account*, std::string> loop_subjects_;  // guarded by mutex_
};

}  // namespace nuring::gateway

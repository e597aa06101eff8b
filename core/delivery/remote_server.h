// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "core/delivery/interest_listener.h"
#include "core/delivery/nats_link.h"
#include "core/delivery/subscriber.h"
#include "core/interest/forward_rules.h"
#include "proto/kind.h"

namespace nuring::account {
class Account;
}

namespace nuring::delivery {

struct MessageRun;
struct ServerLinkSnapshot;

// RemoteServer is a link to another server, as delivery sees it. The interest that it has
// announced stands in the sublists of this one as subscriptions of the link (kinds kRoute, kGateway,
// kLeafnode), so that a match names it; what this server's subscribers want is announced to it.
// Threads: its worker. Lifetime: as any Link; listed in RemoteServers from RemoteServers::add() on.
class RemoteServer : public NatsLink, public Subscriber, public InterestListener {
  public:
    using NatsLink::NatsLink;

    // Messages for subscribers of that server: all its plain ones and one member of each group that `queues`
    // names (names between blanks; may be empty). A message goes to a server once: `queues` alone is never a
    // reason not to serve the plain ones.
    virtual void deliver_to_server(account::Account& account, const MessageRun& run,
                                   std::string_view queues) = 0;
    // The same of messages that come from that cluster of leafnodes (link::OriginClusters).
    virtual void deliver_of_leafnodes(account::Account& account, const MessageRun& run,
                                      std::string_view queues, uint32_t /*origin_cluster*/) {
        deliver_to_server(account, run, queues);
    }
    // May it have messages of that subject? Else a group that picked it for one picks again.
    virtual bool may_take(account::Account& /*account*/, std::string_view /*subject*/) {
        return open();
    }
    // Messages that it may have: also for a member of that group?
    virtual bool may_serve(account::Account& /*account*/, std::string_view /*subject*/,
                           std::string_view /*queue*/) {
        return true;
    }
    // The cluster has changed (link::ClusterView).
    virtual void on_cluster_view() {}
    // The cluster has another name; a link that gave the former one at its login begins anew.
    virtual void on_cluster_name() {}
    bool listens_to(proto::Kind of) const override { return interest::is_announced(of, kind()); }
    // False: changes are announced to it by a listener that it shares with others.
    virtual bool listens_alone() const { return true; }

    // The account among whose connections it counts, as a leafnode does; null: none.
    virtual account::Account* counted_account() const { return nullptr; }
    // Closed if that account has more connections than it may have; the youngest are to be asked.
    virtual void close_if_excess() {}

    // Goes on announcing to a new server what is wanted here (RemoteServers::send_interest_later()); true:
    // that was all.
    virtual bool send_interest_slice() { return true; }
    // Copies its own state, and up to `subscriptions` patterns that the other server has announced.
    virtual void copy(uint64_t wall_ns, size_t subscriptions, ServerLinkSnapshot* out) const = 0;

    // Its messages are matched where they come in; its subscriptions are never delivered to.
    uint32_t deliver(interest::Subscription& /*subscription*/, const MessageRun& /*run*/,
                     base::LinkHandle /*origin*/) override {
        return 0;
    }
    bool accepts(const interest::Subscription& /*subscription*/,
                 base::LinkHandle /*origin*/) const override {
        return false;
    }
};

}  // namespace nuring::delivery

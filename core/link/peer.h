// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "core/link/link.h"

namespace nuring::account {
class Account;
}

namespace nuring::link {

struct MessageRun;
struct PeerSnapshot;

// Peer is a link to another server. What that server has told us of its subscribers stands in the sublists
// of this one as subscriptions of the peer (kinds kRoute and kGateway), so that a match names it; what this
// server's subscribers want is announced to it.
// Threads: its worker. Lifetime: as any Link; listed in WorkerLinks::peers from WorkerLinks::add_peer() on.
class Peer : public Link {
  public:
    using Link::Link;

    // Messages for subscribers of that server: all its plain ones and one member of each group that
    // `queues` names (names between blanks; may be empty). `queues` alone is never a reason not to serve
    // the plain ones: a message goes to a server once (routes: RMSG).
    virtual void deliver_to_peer(account::Account& account, const MessageRun& run,
                                 std::string_view queues) = 0;
    // What this server wants of that pattern may have changed: Sublist::own_interest() says to what. `queue`
    // is empty for plain subscriptions.
    virtual void announce(account::Account& account, std::string_view pattern,
                          std::string_view queue) = 0;

    // Goes on telling a server that has just come of what is wanted here (WorkerLinks::tell_later()); true:
    // that was all.
    virtual bool tell_some() { return true; }
    // What it alone knows, and up to `subscriptions` patterns that the other server has told of.
    virtual void copy(uint64_t wall_ns, size_t subscriptions, PeerSnapshot* out) const = 0;

    // A peer's messages are matched where they come in; its subscriptions are never delivered to.
    uint32_t deliver(interest::Subscription& /*subscription*/, const MessageRun& /*run*/) override {
        return 0;
    }
    bool accepts(const interest::Subscription& /*subscription*/,
                 base::LinkHandle /*origin*/) const override {
        return false;
    }
};

}  // namespace nuring::link

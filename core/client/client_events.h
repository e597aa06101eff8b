// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/ids.h"

namespace nuring::account {
class Account;
}

namespace nuring::client {

class Client;
struct ConnectionSnapshot;

// ClientEvents is called when a client comes, is refused or goes; the layers above publish events of it.
// Threads: the client's worker, in the middle of a turn: must not block, close a link, or deliver
//          (InternalClient::publish() waits for the end of the turn).
// Errors:  none.
class ClientEvents {
  public:
    virtual ~ClientEvents() = default;
    // CONNECT was accepted: account, identity and what it said are final. Again for each further
    // CONNECT of the same client.
    virtual void on_connected(base::WorkerId worker, const Client& client) = 0;
    // Wrong credentials; the client is still open, on_closed() follows.
    virtual void on_refused(base::WorkerId worker, const Client& client) = 0;
    // It has left the open state; its account is still known.
    virtual void on_closed(base::WorkerId worker, const Client& client) = 0;

    // A leafnode has logged in and belongs to that account, or has ended (`stop_ns` and `reason` are set).
    // is_user: it came with credentials of a user of the account, not with those of the listener.
    virtual void on_leaf_connected(base::WorkerId /*worker*/, account::Account& /*account*/,
                                   const ConnectionSnapshot& /*leaf*/, bool /*is_user*/) {}
    virtual void on_leaf_closed(base::WorkerId /*worker*/, account::Account& /*account*/,
                                const ConnectionSnapshot& /*leaf*/) {}
};

}  // namespace nuring::client

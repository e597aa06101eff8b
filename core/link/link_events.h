// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/link/service_latency.h"

namespace nuring::link {

class Client;
class WorkerLinks;

// LinkEvents hears of the clients of one server: what the layers above make events of.
// Threads: the client's worker, in the middle of a turn: must not block, close a link, or deliver
//          (InternalLink::publish() waits for the end of the turn).
// Errors:  none.
class LinkEvents {
  public:
    virtual ~LinkEvents() = default;
    // CONNECT was accepted: account, identity and what it said are final. Again for each further
    // CONNECT of the same client.
    virtual void on_connected(WorkerLinks& links, const Client& client) = 0;
    // Wrong credentials; the client is still open, on_closed() follows.
    virtual void on_refused(WorkerLinks& links, const Client& client) = 0;
    // It has left the open state; its account is still known.
    virtual void on_closed(WorkerLinks& links, const Client& client) = 0;
    // A request over a service import was measured; on the requestor's worker.
    virtual void on_service_latency(WorkerLinks& links, ServiceLatency latency) = 0;
};

}  // namespace nuring::link

// SPDX-License-Identifier: Apache-2.0
#include "core/link/peer_snapshot.h"

#include "core/link/peer.h"
#include "core/link/worker_links.h"

namespace nuring::link {

bool PeerSurvey::step(WorkerLinks& links) {
    if (position_ < links.peers().size()) {
        const Peer& peer = *links.peers()[position_++];
        PeerSnapshot& out = peers_.emplace_back();
        out.kind = peer.kind();
        out.cid = peer.cid();
        out.ip = peer.peer_host();
        out.port = peer.peer_port();
        out.start_wall_ns = peer.start_wall_ns();
        out.pending_bytes = peer.pending_bytes();
        out.traffic = peer.traffic();
        peer.copy(links.ring.wall_ns(), with_subscriptions_ ? kSubscriptionsMax : 0, &out);
    }
    return position_ >= links.peers().size();
}

}  // namespace nuring::link

// SPDX-License-Identifier: Apache-2.0
// From a match to the frames: who gets a run of messages, here and on other workers.
#pragma once

#include <cstdint>

#include "core/base/ids.h"
#include "core/interest/match_result.h"
#include "core/link/message_run.h"
#include "core/link/records.h"
#include "proto/kind.h"

namespace nuring::link {

class Link;
class WorkerLinks;

// Who published, as far as delivery must know.
struct Publisher {
    base::LinkHandle link;
    proto::Kind kind = proto::Kind::kClient;
    bool echo = true;  // false: not to its own subscriptions
    // Of a route: the message goes to subscribers of this server only, and to no queue groups but those
    // named here (names between blanks), or to all of them.
    std::string_view queues = {};
    bool all_queues = false;

    bool is_route() const { return kind == proto::Kind::kRoute; }
    bool may_serve(std::string_view queue) const;
};

// Cuts the run to what the mailboxes of all workers concerned can take now. False: not even one
// message; the link was paused and consumes the same operation again later.
// A run that passed can be delivered whole, so no publish is ever half done.
bool make_room(WorkerLinks& links, Link& link, const interest::MatchResult& match, MessageRun* run);

// Delivers the run to all whom the match names. Returns whether anybody took it (another worker that
// has subscriptions counts as taking).
// Threads: the publisher's worker. The match stays as it is during the call, whatever closes.
bool deliver_run(WorkerLinks& links, const Publisher& publisher, account::Account& account,
                 const interest::MatchResult& match, const MessageRun& run);

// The reply to a request that came over a service import, to the worker that knows its route
// (reply_table.h). A run of one; make sure of the room before.
size_t reply_record_size(const WorkerLinks& links, const MessageRun& message);
void send_reply_record(WorkerLinks& links, base::WorkerId to, const Publisher& publisher,
                       account::Account& account, const MessageRun& message);

// A run from another worker: to the plain subscriptions here, the chosen queue member, or a peer.
void deliver_record(WorkerLinks& links, const DeliverRecord& record);

}  // namespace nuring::link

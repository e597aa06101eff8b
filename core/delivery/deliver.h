// SPDX-License-Identifier: Apache-2.0
// From a match to the frames: brings a run of messages to its subscribers, here and on other workers.
#pragma once

#include <cstdint>

#include "core/base/ids.h"
#include "core/delivery/message_run.h"
#include "core/delivery/publisher.h"
#include "core/interest/match_cache.h"

namespace nuring::account {
class Account;
}

namespace nuring::delivery {

class Delivery;

// Delivers the run to all subscribers that its match in that account names. Returns whether any took it
// (another worker that has subscriptions counts as taking).
// Threads: the publisher's worker. The match stays as it is during the call, whatever closes.
bool deliver_run(Delivery& delivery, const Publisher& publisher, account::Account& account,
                 const interest::MatchEntry& entry, const MessageRun& run);

// Delivers the run to one server alone, whatever the match says: an answer whose subject names the cluster or
// the server that it is for. fit_record_to_mailbox() comes before.
void deliver_run_to_server(Delivery& delivery, const Publisher& publisher,
                           account::Account& account, base::LinkHandle server,
                           const MessageRun& run);

// Delivers the run over the leafnode connections among those that match, and to nobody else: an answer to a
// request of another cluster, on a server that has no gateway to that cluster. The servers at their far ends
// subscribe to `_GR_.>`. fit_run_to_mailboxes() comes before.
bool has_leaf_servers(const interest::MatchResult& match);
void deliver_run_to_leaf_servers(Delivery& delivery, const Publisher& publisher, account::Account& account,
                               const interest::MatchResult& match, const MessageRun& run);

// Sends the reply to a request that came over a service import to the worker that knows its route
// (reply_table.h). A run of one message; fit_record_to_mailbox() comes before.
void send_reply_record(Delivery& delivery, base::WorkerId to, const Publisher& publisher,
                       account::Account& account, const MessageRun& message);

}  // namespace nuring::delivery

// SPDX-License-Identifier: Apache-2.0
// Room for a run: before it is delivered, it is cut to what a turn may deliver and to what all mailboxes
// concerned can take, so that no publish is half done.
// Threads: the publisher's worker. Errors: none; a link whose run finds no room is paused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/base/ids.h"
#include "core/delivery/interest_gate.h"
#include "core/delivery/message_run.h"
#include "core/interest/match_result.h"
#include "proto/kind.h"

namespace nuring::link {
class Link;
}

namespace nuring::delivery {

class Delivery;

// Bytes of a record of the run, whose block of messages is of that size. A block that is too large for a
// record travels outside of it, as a counted payload.
struct RecordSize {
    size_t bytes;
    bool is_large;
};
RecordSize record_size(const Delivery& delivery, const MessageRun& run, size_t queue_size,
                       size_t block_size);

// The demand of a match on the mailboxes to other workers.
struct MailboxDemand {
    interest::WorkerSet workers;
    size_t group_count = 0;   // queue groups with members there
    size_t group_names = 0;   // bytes of their names
    size_t server_count = 0;  // links to other servers there
};
MailboxDemand demand_of(const Delivery& delivery, proto::Kind from,
                        const interest::MatchResult& match);

// How many messages of the run the records of an empty mailbox can hold; at least one.
uint32_t deliverable_count(const Delivery& delivery, const MailboxDemand& demand,
                           const MessageRun& run);
// The most bytes that the records of the run may take of one mailbox.
size_t bytes_needed(const Delivery& delivery, const MailboxDemand& demand,
                    const interest::MatchResult& match, const MessageRun& run);

// Cuts a run for many so that it uses up a turn; the rest of it is for the next one.
inline void cut_to_turn(const interest::MatchResult& match, MessageRun* run) {
    if (run->count == 1) return;
    const uint64_t each = InterestGate::copies(match.receiver_count(), run->stride);
    if (run->count * each <= InterestGate::kCopiesPerTurn) [[likely]]
        return;
    run->count = static_cast<uint32_t>((InterestGate::kCopiesPerTurn + each - 1) / each);
}

// Cuts the run to what the records in empty mailboxes can hold. False: a mailbox has no room for that now, or
// its worker is behind; the link was paused and consumes the same operation again later.
bool fit_run_beyond(Delivery& delivery, link::Link& link, const interest::MatchResult& match,
                    MessageRun* run);
inline bool fit_run_to_mailboxes(Delivery& delivery, link::Link& link,
                                 const interest::MatchResult& match, MessageRun* run) {
    cut_to_turn(match, run);
    return match.is_local() || fit_run_beyond(delivery, link, match, run);
}

// The same for one record of the run to one worker.
bool fit_record_to_mailbox(Delivery& delivery, link::Link& link, base::WorkerId to,
                           const MessageRun& run);

}  // namespace nuring::delivery

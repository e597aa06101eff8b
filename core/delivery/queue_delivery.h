// SPDX-License-Identifier: Apache-2.0
// Brings messages to one member of each queue group: the choice of the member, and of the next one where it
// does not take them.
// Threads: the publisher's worker, or the one that a record came to.
// Errors:  none; a message that no member takes is counted (Delivery::count_lost_group_messages()).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "absl/container/inlined_vector.h"
#include "core/base/ids.h"
#include "core/delivery/message_run.h"
#include "core/delivery/send_record.h"
#include "core/interest/match_result.h"

namespace nuring::delivery {

class Delivery;

// A part of a run that another server is to give to a member of its own.
struct Pick {
    base::LinkHandle server;
    uint32_t first;
    uint32_t count;
    std::string_view queue;
};
using Picks = absl::InlinedVector<Pick, 4>;

// Servers that may not get the message, since their plain subscribers have had it.
using Served = std::span<const base::LinkHandle>;

// The part, which begins at message `first` of its run, to the member at `start`; what it does not take to
// the next ones. The members of the first choice come first, the server that has sent it and other clusters
// last: a group is served once in all clusters. False: nobody took any. `refused`: so many members, from
// `start` on, took less than all of it.
bool deliver_to_members(Delivery& delivery, const RecordPlan& base_plan,
                        const interest::QueueGroup& group, uint32_t start, uint32_t first,
                        MessageRun part, link::SharedBody** on_heap, Picks* picks, uint32_t* refused,
                        Served served = {});

// The run goes out in as many parts of neighbours as the group has members, from a random member on. So
// each message is as likely to go to any member as if it were drawn by itself, the shares of one run
// differ by one message at most, order is kept, and a delivery costs what it costs in a run.
//
// Members that do not take a part do not take the next ones, either, and there may be many: where all would
// be asked again and again, one that takes some gets more than its share.
bool deliver_to_group(Delivery& delivery, const RecordPlan& plan, const interest::QueueGroup& group,
                      const MessageRun& run, link::SharedBody** on_heap, Picks* picks);

// The place after the member that this worker was asked for; any place if it has left the group.
// All workers see the members in the same order, so that the walk meets each of them.
uint32_t member_after(Delivery& delivery, const Publisher& publisher,
                      const interest::QueueGroup& group, uint64_t serial);

}  // namespace nuring::delivery

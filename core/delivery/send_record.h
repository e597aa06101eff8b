// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "core/base/ids.h"
#include "core/delivery/message_run.h"
#include "core/delivery/publisher.h"
#include "core/delivery/records.h"
#include "core/interest/match_result.h"

namespace nuring::link {
class Link;
}

namespace nuring::delivery {

class Delivery;

// The common part of all records of one run. It is made per run, so it refers to parts instead of copying.
struct RecordPlan {
    RecordKind kind;
    account::Account* account;
    const Publisher& publisher;
    uint64_t target;              // see DeliverRecord
    std::string_view queue = {};  // of kDeliverQueue and kDeliverServer
    uint8_t hops = 0;
    bool is_for_several = false;  // it goes to more than one worker or server
};

// Writes one record of the run for that worker. A block that is for several of them stays in the receive
// buffer, if it lies there (LentInput). Another one that is too large for a record goes into *on_heap, which
// is made when it is null; the caller releases it.
// Threads: the publisher's worker. Errors: none; a record without room waits (Outlets::begin_record()).
void send_record(Delivery& delivery, base::WorkerId to, const RecordPlan& plan,
                 const MessageRun& run, link::SharedBody** on_heap);

// LoneRecord is the way of a run whose match names one plain subscription of another worker and nobody else
// (MatchResult::is_lone_remote()): its record takes the room for which other runs ask first.
// Lifetime: nothing else is sent to that worker between construction and send().
class LoneRecord {
  public:
    // Cuts the run to what fits into one record.
    LoneRecord(Delivery& delivery, const interest::MatchResult& match, MessageRun* run);

    // False: not for one message; the link must be paused.
    bool has_room() const { return record_ != nullptr; }
    base::WorkerId to() const { return to_; }
    void pause_until_room(link::Link& link);
    void send(const Publisher& publisher, account::Account& account, const MessageRun& run);

  private:
    Delivery& delivery_;
    const base::WorkerId to_;
    const uint64_t serial_;
    size_t size_ = 0;
    bool is_large_ = false;
    runtime::RecordHeader* record_ = nullptr;
};

}  // namespace nuring::delivery

// SPDX-License-Identifier: Apache-2.0
// Catalogue of the records that workers send each other, and the layout of those for messages and interest.
// (client/client_records.h has the layout of those for clients.) Workers coordinate by these records alone;
// there is no lock order to remember.
//
// | kind           | from -> to                    | order               | effect                           |
// |----------------|-------------------------------|---------------------|----------------------------------|
// | kAdopt         | accepting worker -> any       | none needed         | a new client lives there         |
// | kDeliver       | publisher's -> any            | that of publishing  | plain subscriptions there        |
// | kDeliverQueue  | publisher's -> any            | same                | one chosen queue member          |
// | kDeliverReply  | responder's -> requestor's    | same                | the route of a reply is there    |
// | kDeliverServer | publisher's -> a server's     | same                | goes to that other server        |
// | kDeliverOne    | publisher's -> any            | same                | the one plain subscription there |
// | kInterest      | subscriber's -> servers'      | before publishes    | is announced, as it is by then   |
// | kMove          | old worker -> new one         | behind its messages | a client lives there from now on |
// | kMoveBarrier   | old -> each other one -> new  | behind its messages | that one has delivered them      |
// | kMoveBegin     | old worker -> new one         | none needed         | its subscriptions stand there    |
// | kMoveSwitch    | new -> each other one         | before its messages | the sender delivers there        |
// | kMoveMarker    | each other one -> old and new | between messages    | the same                         |
// | kMoveCancel    | old worker -> new one         | behind kMoveBegin   | the client has been closed       |
// | kStall         | receiver's -> publisher's     | none needed         | the publisher rests              |
// | kEndStalls     | receiver's -> each other one  | none needed         | rests because of it end          |
//
// kDeliver...Large is the same as the kind before it, with the block outside of the record.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/base/ids.h"
#include "core/link/shared_body.h"
#include "core/runtime/mailbox.h"
#include "proto/kind.h"

namespace nuring::account {
class Account;
}

namespace nuring::delivery {

enum RecordKind : uint32_t {
    kAdopt = 1,
    kDeliver = 2,
    kDeliverLarge = 3,
    kDeliverQueue = 4,
    kDeliverQueueLarge = 5,
    kDeliverReply = 6,
    kDeliverReplyLarge = 7,
    kDeliverServer = 8,
    kDeliverServerLarge = 9,
    kDeliverOne = 10,
    kDeliverOneLarge = 11,
    kInterest = 12,
    kMove = 13,
    kMoveBarrier = 14,
    kMoveBegin = 15,
    kMoveSwitch = 16,
    kMoveMarker = 17,
    kMoveCancel = 18,
    kStall = 19,
    kEndStalls = 20,
};

// A subject and reply, or subject and queue name, together. Control lines may be set to be longer, for
// the sake of CONNECT; two such names must fit into a record of the smallest mailbox.
inline constexpr size_t kNamesSizeMax = 24 * 1024;

// In place of a block: where it is, and the count that keeps it there.
struct SharedBlock {
    link::SharedBody* body;
    const char* block;
};

// Written as one word: field by field, each would wait for the one before.
struct RecordFlags {
    uint16_t kind : 4;              // of the publisher, proto::Kind
    uint16_t hops : 7;              // kDeliverQueue: how often a vanished member was replaced
    uint16_t echo : 1;              // 0: not to the publisher itself
    uint16_t all_queues : 1;        // Publisher::all_queues
    uint16_t is_service : 1;        // of the run
    uint16_t is_jetstream : 1;      // of the run
    uint16_t has_reply_origin : 1;  // of the run
};

// A run of messages (message_run.h): a cache line, and texts behind it.
//
//   | DeliverRecord | subject | queue name | reply origin | block: tails at their stride |
//                                            or nothing     or SharedBlock, unaligned
//
// Readable slack follows every block, so that it can be copied in vector registers.
struct DeliverRecord {
    runtime::RecordHeader header;
    account::Account* account;  // lives as long as any record may name it
    base::LinkHandle origin;    // the publisher
    // kDeliver: hash of the subject in the account's sublist; kDeliverOne and kDeliverQueue: serial of the
    // subscription; kDeliverServer: handle of the link; kDeliverReply: 0.
    uint64_t target;
    uint32_t tail_size;
    uint32_t stride;
    uint32_t count;
    uint32_t header_size;
    uint32_t total_size;
    uint32_t origin_cluster;  // Publisher::origin_cluster
    uint16_t subject_size;
    uint16_t reply_size;
    uint16_t queue_size;       // kDeliverQueue: the group; kDeliverServer: those that it is to serve
    RecordFlags flags;
};
static_assert(sizeof(DeliverRecord) == 64);
static_assert(proto::kKindCount <= 16);

// A receiver has most of max_pending waiting (stall_gate.h).
struct StallPace {
    base::LinkHandle receiver;  // a server; invalid: the rest is of the usual length
    uint64_t rest_ns = 0;       // at least
    uint64_t longest_ns = 0;    // at most
    // All who rest on a worker may use that up, for each step that they rest.
    uint64_t room_bytes = UINT64_MAX;
    uint64_t step_ns = 0;
};
struct StallRecord {
    runtime::RecordHeader header;
    base::LinkHandle publisher;
    StallPace pace;
};
// That receiver has caught up, or has ended.
struct EndStallsRecord {
    runtime::RecordHeader header;
    base::LinkHandle receiver;
};

// The interest in a pattern may have changed (account/interest_feed.h).
//
//   | InterestRecord | pattern | queue name |
struct InterestRecord {
    runtime::RecordHeader header;
    account::Account* account;
    uint16_t pattern_size;
    uint16_t queue_size;
    uint8_t is_of_others;  // 1: a change of what another server wants
    uint8_t kind;          // of the subscription, proto::Kind
    uint32_t lines;        // that it makes there, about (Announcer::note_announced())

    std::string_view pattern() const {
        return {reinterpret_cast<const char*>(this + 1), pattern_size};
    }
    std::string_view queue() const { return {pattern().data() + pattern_size, queue_size}; }
};

}  // namespace nuring::delivery

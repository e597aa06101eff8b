// SPDX-License-Identifier: Apache-2.0
// The records about clients that workers send each other. delivery/records.h has the catalogue of all kinds.
#pragma once

#include <array>
#include <cstdint>

#include "core/base/ids.h"
#include "core/runtime/mailbox.h"

namespace nuring::account {
class Account;
}

namespace nuring::interest {
class Subscription;
}

namespace nuring::client {

struct MovedClient;

// A client with more subscriptions does not move.
inline constexpr size_t kMovedSubscriptionsMax = 8;

// kAdopt: a connection that was accepted elsewhere. The receiving worker owns the descriptor.
struct AdoptRecord {
    runtime::RecordHeader header;
    int32_t fd;
};

// kMove: a client that leaves its worker. The receiving worker owns `moved`.
struct MoveRecord {
    runtime::RecordHeader header;
    MovedClient* moved;
};

// kMoveBarrier: the worker that sends it to the new worker has delivered all that the client published on its
// old one.
struct MoveBarrierRecord {
    runtime::RecordHeader header;
    uint64_t cid;
    base::WorkerId to;  // the new worker
};

// kMoveBegin: a client with subscriptions moves. Its old worker keeps them until it has all markers.
struct MoveBeginRecord {
    struct Original {
        interest::Subscription* subscription;  // its texts alone are read there
        uint8_t flags;
    };

    runtime::RecordHeader header;
    uint64_t cid;
    base::LinkHandle link;  // on the old worker
    account::Account* account;
    std::array<Original, kMovedSubscriptionsMax> subscriptions;
    uint32_t count;
};

// kMoveSwitch: each worker is to deliver to the client's copies on the sender.
// kMoveMarker: behind it in this mailbox the sender does.
struct MoveSwitchRecord {
    runtime::RecordHeader header;
    uint64_t cid;
    base::LinkHandle link;  // on the old worker
};

// kMoveCancel: the client that kMoveBegin has announced does not come.
struct MoveCancelRecord {
    runtime::RecordHeader header;
    uint64_t cid;
};

}  // namespace nuring::client

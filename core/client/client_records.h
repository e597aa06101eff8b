// SPDX-License-Identifier: Apache-2.0
// The records about clients that workers send each other. delivery/records.h has the catalogue of all kinds.
#pragma once

#include <cstdint>

#include "core/base/ids.h"
#include "core/runtime/mailbox.h"

namespace nuring::client {

struct MovedClient;

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

}  // namespace nuring::client

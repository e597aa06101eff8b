// SPDX-License-Identifier: Apache-2.0
// Clients of a WorkerStage that move to another worker.
#pragma once

#include <cstdint>

#include "core/client/client.h"
#include "tests/support/worker_stage.h"

namespace nuring::test {

inline base::WorkerId worker(uint32_t index) {
    return static_cast<base::WorkerId>(index);
}

// The client of that worker that was made last; null: there is none.
inline client::Client* last_client(WorkerStage& stage, uint32_t index) {
    client::Client* last = nullptr;
    stage.state(index).host.table.for_each([&](link::Link& link) {
        client::Client* const client = client::as_client(&link);
        if (client != nullptr && (last == nullptr || client->cid() > last->cid())) last = client;
    });
    return last;
}

// Asks that client to move. False: it may not.
inline bool move(WorkerStage& stage, uint32_t from, uint32_t to) {
    bool moves = false;
    stage.on_worker(from, [&](server::WorkerState&) { moves = last_client(stage, from)->move(worker(to)); });
    stage.settle();
    return moves;
}

}  // namespace nuring::test

// SPDX-License-Identifier: Apache-2.0
// Clients of a simulated server that move between its workers when nothing asks for it.
#pragma once

#include <cstdint>

#include "core/base/prng.h"
#include "core/client/client.h"
#include "core/server/server.h"

namespace nuring::sim {

// Asks one client of that worker, soon and as a task, to move to another worker. It may refuse.
// *with_subscriptions counts those that have some and agree.
inline void ask_to_move(server::Server& server, uint32_t worker, base::Prng& prng,
                        uint64_t* with_subscriptions) {
    if (server.worker_count() < 2) return;
    const uint32_t first = prng.below(64);
    const uint32_t to = (worker + 1 + prng.below(server.worker_count() - 1)) % server.worker_count();
    server.post(worker, [&table = server.worker_state(worker).host.table, first, to, with_subscriptions] {
        const size_t count = table.slot_count();
        for (size_t i = 0; i < count; ++i) {
            client::Client* const found = client::as_client(table.at((first + i) % count));
            if (found == nullptr || !found->move(static_cast<base::WorkerId>(to))) continue;
            if (found->subscription_count() != 0) ++*with_subscriptions;
            return;
        }
    });
}

}  // namespace nuring::sim

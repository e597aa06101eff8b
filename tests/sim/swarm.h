// SPDX-License-Identifier: Apache-2.0
// What a seed decides before the first event: the shape of the world.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/base/prng.h"
#include "core/ring/ring.h"
#include "tests/sim/sim_net.h"

namespace nuring::sim {

// Swarm is one draw of options. Most worlds are ordinary in most respects and extreme in a few:
// that finds more than worlds that are a little odd in all (Groce et al., "Swarm Testing", 2012).
struct Swarm {
    uint32_t worker_count = 1;
    size_t mailbox_bytes = 256 * 1024;
    ring::RingOptions ring;
    uint32_t cache_entries = 1024;
    uint64_t max_pending_bytes = 64 << 20;
    uint64_t ping_interval_ns = 120'000'000'000;
    uint64_t busy_poll_ns = 0;
    SimFaults faults;
    size_t share_bytes = 0;        // blocks that workers share; 0: as the server has it
    size_t released_per_turn = 0;  // subscriptions of clients that leave; 0: as the server has it
    uint32_t hiccup_permille = 0;  // a worker does not run for a while
    uint32_t skew_permille = 0;    // of turns: a worker seems to have another load than it has
    uint32_t move_permille = 0;    // of turns: a client of that worker is asked to move to another one

    uint32_t client_count = 8;  // at first
    uint32_t later_client_count = 0;
    uint64_t operation_count = 1000;  // of all clients together
    uint64_t think_max_ns = 100'000;  // between two operations of a client
    uint32_t token_count = 3;         // distinct tokens of subjects
    uint32_t payload_max = 200;
    uint32_t burst_max = 1;       // publishes of one subject in a row
    uint32_t publisher_percent = 0;  // of clients: have no subscriptions most of the time
    uint32_t mover_percent = 0;      // of the others: have such subscriptions that they may move
    uint32_t queue_percent = 30;  // of subscriptions
    uint32_t churn_percent = 20;  // of operations: SUB and UNSUB once there are subscriptions
    uint32_t leave_permille = 0;  // of operations: a client ends its connection
    uint32_t stop_reading_permille = 0;
    uint32_t garbage_permille = 0;  // of operations: a client says nonsense and is thrown out
    bool login = false;                // clients must show a password ...
    uint32_t stranger_percent = 0;     // ... and some show a wrong one
    bool tenants = false;              // several users in two accounts (tenants.h)
    uint64_t write_deadline_ns = 10'000'000'000;
    uint32_t reload_count = 0;         // reloads that change nothing for anybody
    bool ends_as_lame_duck = false;    // the server closes the clients, not they

    // The server may end a connection that did nothing wrong.
    bool may_be_closed() const {
        return max_pending_bytes < (8 << 20) || write_deadline_ns < 1'000'000'000;
    }
    std::string describe() const;
};

Swarm draw_swarm(uint64_t seed);

}  // namespace nuring::sim

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "core/account/account_registry.h"
#include "core/base/ids.h"
#include "core/base/prng.h"
#include "core/delivery/frame_block.h"
#include "core/delivery/frame_pool.h"
#include "core/delivery/gateway_table.h"
#include "core/delivery/interest_gate.h"
#include "core/delivery/log_gate.h"
#include "core/delivery/outlets.h"
#include "core/delivery/remote_servers.h"
#include "core/delivery/services.h"
#include "core/delivery/stall_gate.h"
#include "core/delivery/subscription_index.h"
#include "core/interest/match_cache.h"
#include "core/link/link_host.h"

namespace nuring::link {
class Link;
}

namespace nuring::delivery {

class Announcer;
class LatencyEvents;

// Counters of one worker over all messages; plain integers, copied by surveys.
struct DeliveryCounters {
    uint64_t replaced_members = 0;
    uint64_t lost_group_messages = 0;
    uint64_t oversized = 0;  // messages, or subscriptions of imports, with too long a subject
};

// Delivery is what one worker needs to bring messages from publishers to subscribers: accounts and
// matches, the subscriptions of its links, the mailboxes to other workers, the links to other servers, the
// ways over service imports. The functions of deliver.h work on it.
//
// Threads: its worker. Lifetime: outlives all links and the subscriptions of its worker.
class Delivery {
  public:
    // The shared parts of one server's workers; all of them outlive the workers.
    struct Shared {
        account::AccountRegistry& accounts;
        Announcer* announcer = nullptr;  // null: this server has no links to others, and never will
    };

    Delivery(link::LinkHost& host, const Shared& shared, uint32_t cache_entries);
    ~Delivery();
    Delivery(const Delivery&) = delete;
    Delivery& operator=(const Delivery&) = delete;

    // May a subscription come or go now, as far as announcing it goes? False: the link was paused.
    bool make_room_to_announce(link::Link& link, size_t names_size) {
        return announcer_ == nullptr || has_room_to_announce(link, names_size);
    }

    // True: another worker is behind with announcing, and this one has a turn when it has caught up.
    bool must_wait_to_announce() { return announcer_ != nullptr && waits_to_announce(); }
    // True: records about a slice of changes might find no room, and this worker has a turn when they do.
    bool lacks_room_to_announce() { return announcer_ != nullptr && is_crowded(); }
    // A record of that worker was announced here.
    void note_announced(base::WorkerId from, uint32_t lines);
    // Lines that a change of interest makes, on all workers.
    size_t lines_per_change() const;

    // May messages have headers at all?
    bool headers() const { return headers_; }
    void set_headers(bool headers) { headers_ = headers; }
    // Operator mode: accounts come into being when somebody names them.
    bool operator_mode() const { return operator_mode_; }
    void set_operator_mode(bool operator_mode) { operator_mode_ = operator_mode; }
    // Called when a measured request has ended; null: nobody measures. Set before the worker runs.
    LatencyEvents* latency_events() const { return latency_events_; }
    void set_latency_events(LatencyEvents* events) { latency_events_ = events; }

    const DeliveryCounters& counters() const { return counters_; }
    void count_replaced_member() { ++counters_.replaced_members; }
    // A subject that a mapping or an import made is longer than any that a client can send: it goes no
    // further.
    void count_oversized(uint64_t count) { counters_.oversized += count; }
    void count_lost_group_messages(uint64_t count) { counters_.lost_group_messages += count; }

    // At the end of a turn.
    void end_turn() { subscriptions.free_retired(); }

    link::LinkHost& host;
    account::AccountRegistry& accounts;
    SubscriptionIndex subscriptions;
    Outlets outlets;
    RemoteServers servers;
    GatewayTable gateways;
    LogGate log_gate;
    InterestGate interest_gate;
    StallGate stall_gate;
    FramePool frames;
    FrameBlock frame_block;
    interest::MatchCache cache;
    base::Prng prng;
    Services services;

  private:
    bool has_room_to_announce(link::Link& link, size_t names_size);
    bool waits_to_announce();
    bool is_crowded();

    Announcer* const announcer_;
    LatencyEvents* latency_events_ = nullptr;
    bool headers_ = true;
    bool operator_mode_ = false;
    DeliveryCounters counters_;
};

}  // namespace nuring::delivery

// SPDX-License-Identifier: Apache-2.0
// What a seed decides of a world of several servers before the first event.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/options.h"

namespace nuring::sim {

enum class FaultKind : uint8_t {
    kCut,       // nothing passes between a and b
    kOneWay,    // nothing passes from a to b
    kReset,     // the connections between a and b are reset
    kCrash,     // a dies, and starts again after the duration
    kSilent,    // likewise, and its machine with it: nobody is told
    kMove,      // a dies, and starts again at another address
    kPause,     // a does not run for the duration
    kReload,    // a reads a configuration that changes nothing for anybody
    kLameDuck,  // a enters lame duck, ends, and starts again after the duration
    kRough,     // connections are reset, refused and lost at random for the duration
    kPools,  // the servers of a's cluster read other pools and pinned accounts, within the duration
    kDeny,   // users of a may not subscribe to kDeniedSubjects for the duration, by reloads
    kAccounts,  // a has no second account for the duration, by reloads
    kNames,     // the servers of a's cluster read another name of the cluster, within the duration
};
inline constexpr uint32_t kFaultKindCount = 14;
std::string_view name_of(FaultKind kind);

// One fault. Milliseconds of the world's clock; a and b are servers.
struct Fault {
    FaultKind kind = FaultKind::kCut;
    uint64_t at_ms = 0;
    uint64_t for_ms = 0;
    uint64_t a = 0;
    uint64_t b = 0;
};

// How long a lame duck may take until its last link is closed.
inline constexpr uint64_t kLameDuckMax_ms = 4'000;

inline constexpr uint32_t kPoolMax = 5;
inline constexpr std::string_view kDeniedSubjects[] = {"b", "b.>"};
inline constexpr config::CompressionMode kCompressions[] = {
    config::CompressionMode::kUnset, config::CompressionMode::kFast, config::CompressionMode::kBest,
    config::CompressionMode::kOff};

// ClusterDraw is a whole world as numbers, so that it can be written down, read again and made
// smaller. All other chances follow from `dice`.
struct ClusterDraw {
    uint64_t dice = 1;
    uint64_t servers = 3;
    uint64_t clusters = 1;  // of these servers, with gateways between them
    uint64_t leafs = 0;     // servers more, each a leafnode of the first cluster
    uint64_t chained = 0;   // each leafnode but the first one is a leafnode of the one before it
    uint64_t workers = 2;   // the most that one server has
    uint64_t named = 1;     // the cluster has a configured name; 0: it is made up and agreed on
    uint64_t seeds_only =
        0;                // each server is configured with the first one only; others are learned
    uint64_t pool = 3;    // routes between two servers; 0: one, as before 2.10
    uint64_t pinned = 0;  // accounts with routes of their own, of several accounts; needs a pool
    uint64_t compression = 0;  // of routes and leafnodes: an entry of kCompressions
    uint64_t mailbox_bytes = 256 * 1024;
    uint64_t receive_bytes = 128 * 1024;
    uint64_t receive_count = 64;
    uint64_t cache = 1024;
    uint64_t max_pending = 0;  // bytes of each connection; 0: as the server has it
    uint64_t released = 0;
    uint64_t share_bytes = 0;  // blocks that workers share; 0: as the server has it
    uint64_t ping_ms = 2000;
    uint64_t hiccup_permille = 0;
    uint64_t skew_permille = 0;  // of turns: a worker seems to have another load than it has
    uint64_t move_permille = 0;  // of turns: a client of that worker is asked to move to another one
    // The network, all the time.
    uint64_t latency_us = 500;
    uint64_t split_percent = 0;
    uint64_t stall_permille = 0;
    uint64_t short_receive_percent = 0;
    uint64_t short_send_percent = 0;
    uint64_t delay_percent = 0;
    uint64_t late_cancel_percent = 0;
    uint64_t spurious_permille = 0;
    uint64_t partial_percent = 0;
    uint64_t jump_permille = 0;
    uint64_t stream_bytes = 64 * 1024;
    // The network, while it is rough.
    uint64_t reset_permille = 0;
    uint64_t refusal_permille = 0;
    uint64_t loss_permille = 0;
    uint64_t emfile_permille = 0;
    // The clients.
    uint64_t clients = 8;
    uint64_t operations = 400;
    uint64_t tokens = 3;
    uint64_t accounts = 1;
    uint64_t payload = 100;
    uint64_t burst = 4;
    uint64_t publisher_percent = 0;  // of clients: have no subscriptions most of the time
    uint64_t mover_percent = 0;      // of the others: have such subscriptions that they may move
    uint64_t queue_percent = 30;
    uint64_t churn_percent = 30;
    uint64_t request_percent = 20;
    uint64_t leave_permille = 5;
    uint64_t stop_reading_permille = 0;
    std::vector<Fault> faults;

    uint64_t places() const { return servers + leafs; }
    bool is_leaf(uint64_t place) const { return place >= servers; }
    // Servers of equal number have routes to each other; a leafnode is a cluster of its own.
    uint64_t cluster_of(uint64_t place) const {
        return is_leaf(place) ? clusters + place - servers : place % clusters;
    }
    bool has_one_cluster() const { return clusters == 1 && leafs == 0; }

    // How long after a fault everything must be well again, and how long a change of interest may take.
    uint64_t settle_ms() const;
    // When the last fault is over; the world goes on for a while in peace.
    uint64_t faults_end_ms() const;
    uint64_t end_ms() const { return faults_end_ms() + 3 * settle_ms(); }

    std::string describe() const;
};

ClusterDraw draw_cluster(uint64_t seed);
// What describe() wrote; nothing: it is not such a text.
std::optional<ClusterDraw> parse_draw(std::string_view text);
// Smaller worlds that may still fail, the smallest first.
std::vector<ClusterDraw> smaller_than(const ClusterDraw& draw);

}  // namespace nuring::sim

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/link/lent_input.h"
#include "core/link/link_table.h"
#include "core/link/link_traffic.h"
#include "core/link/server_facts.h"
#include "core/link/websocket_tools.h"
#include "core/log/log.h"
#include "core/link/flow_limits.h"
#include "core/ring/ring.h"
#include "core/runtime/jobs.h"
#include "core/runtime/slab_pool.h"
#include "core/runtime/worker.h"
#include "proto/kind.h"

namespace nuring::proto {
class S2Encoder;
}

namespace nuring::link {

class Link;

// The limits of a link of any kind.
struct LinkLimits {
    struct WriteDeadline {
        uint64_t ns = 0;
        std::string text;  // as the log names it
        // `write_timeout: close`: all that waited when a send began must leave in that time. Else a link is
        // late when nothing leaves for that time.
        bool is_for_all = false;
    };

    uint64_t max_pending_bytes = 0;
    // With more than watched_bytes waiting, a link is reported to delivery/stall_gate.h; with more than
    // stall_from_bytes, clients that publish to it rest. (As in `flow`, unless publishers never rest.)
    uint64_t watched_bytes = 0;
    uint64_t stall_from_bytes = 0;
    FlowLimits flow;
    std::array<WriteDeadline, proto::kKindCount> write_deadlines;  // by the kind of the link
    uint64_t ping_interval_ns = 0;
    int ping_max = 0;
};

// Links that were closed because they did not keep up, or did not answer.
struct LinkFaults {
    uint64_t slow_consumers_pending = 0;
    uint64_t slow_consumers_deadline = 0;
    uint64_t stale_connections = 0;

    LinkFaults& operator+=(const LinkFaults& other) {
        slow_consumers_pending += other.slow_consumers_pending;
        slow_consumers_deadline += other.slow_consumers_deadline;
        stale_connections += other.stale_connections;
        return *this;
    }
};
using LinkFaultsByKind = std::array<LinkFaults, proto::kKindCount>;

// Counters of one worker over all links that it ever had; plain integers, copied by surveys.
struct LinkCounters {
    std::array<LinkTraffic, proto::kKindCount> traffic;  // by the kind of the link
    LinkFaultsByKind faults;
    uint64_t sends_in_flight = 0;
    uint64_t tls_handshakes = 0;
    uint64_t tls_handshake_failures = 0;
};

// LinkHost is what the links of one worker stand on: the ring, the timers, the memory for frames, the table
// of links, and the lists of links that want something at the end of the turn.
//
// Threads: its worker. Limits: LinkTable's. Errors: none. Lifetime: outlives all its links and dialers.
class LinkHost {
  public:
    // The shared parts of one server's workers; all of them outlive the workers.
    struct Shared {
        ServerFacts& facts;
        runtime::JobRunner& jobs;
        runtime::JobRunner& handshakes;  // short ones: steps of TLS handshakes, checks of tokens
        runtime::JobRunner& lookups;     // those that may wait long: names, credentials of leafnodes
    };

    LinkHost(runtime::Worker& worker, const Shared& shared, log::Writer& log);
    ~LinkHost();
    LinkHost(const LinkHost&) = delete;
    LinkHost& operator=(const LinkHost&) = delete;

    const LinkLimits& limits() const { return limits_; }
    const LinkLimits::WriteDeadline& write_deadline_of(proto::Kind kind) const {
        return limits_.write_deadlines[index_of(kind)];
    }
    void set_limits(LinkLimits limits) { limits_ = std::move(limits); }
    const LinkCounters& counters() const { return counters_; }
    LinkTraffic total_traffic() const;

    // --- called by links --------------------------------------------------------------------------
    // flush() of the link is called at the end of the turn.
    void add_dirty(Link& link) { dirty_.push_back(&link); }
    // Nothing names the link any more but its handle: it is deleted at the end of the turn.
    void retire(Link& link) { retired_.push_back(&link); }
    // release_slice() of a closed link is called once in each turn until it returns true.
    void release_later(Link& link) { releasing_.push_back(&link); }
    void close_slow_consumer(Link& link);
    void close_late_consumer(Link& link);
    // The counters for messages of links of that kind.
    LinkTraffic& traffic_of(proto::Kind kind) { return counters_.traffic[index_of(kind)]; }
    void count_stale(proto::Kind kind) { ++counters_.faults[index_of(kind)].stale_connections; }
    void count_send() { ++counters_.sends_in_flight; }
    void count_sent() { --counters_.sends_in_flight; }
    void count_handshake(bool succeeded) {
        ++(succeeded ? counters_.tls_handshakes : counters_.tls_handshake_failures);
    }
    // Bytes of messages that links have queued in this turn.
    void add_turn_bytes(uint64_t bytes) { turn_bytes_ += bytes; }
    bool has_full_turn() const {
        const FlowLimits& flow = limits_.flow;
        return turn_bytes_ > (throttled_ ? flow.throttled_turn_bytes : flow.turn_bytes);
    }
    // The worker takes little in per turn, from sockets and from other workers, since a link is behind: many
    // publishers would send it more than is left of max_pending before they know.
    void throttle();
    void end_throttle();
    bool throttled() const { return throttled_; }
    // Room for what a link with TLS has just decrypted, for the time of its turn; with the slack of a
    // receive buffer.
    std::span<char> plaintext();
    // For the links whose compression takes more time than libsnappy's.
    proto::S2Encoder& s2_encoder();

    // --- called by dialers --------------------------------------------------------------------------
    void add_abandoned_connect() { ++abandoned_connects_; }
    void remove_abandoned_connect();
    uint64_t abandoned_connects() const { return abandoned_connects_; }

    // --- called by the worker's owner ------------------------------------------------------------------
    // No link reads anything from now on.
    void hold();
    bool holding() const { return holding_; }
    // No new links: the server ends.
    void refuse_links() { refuses_links_ = true; }
    bool refuses_links() const { return refuses_links_ || holding_; }
    // No new clients and leafnodes: the server is a lame duck. Its clients still need other servers.
    void refuse_clients() { refuses_clients_ = true; }
    bool refuses_clients() const { return refuses_clients_ || refuses_links(); }
    // Closed links with more subscriptions than this release them in slices, all together one per turn: a
    // million of them would delay everybody else by a few hundred milliseconds, a slice by about one.
    size_t released_per_turn() const { return std::max<size_t>(released_per_turn_ / release_cost_, 1); }
    // To release one costs as much as so many: it is announced to other servers.
    void set_release_cost(size_t cost) { release_cost_ = cost; }
    bool has_releases() const { return !releasing_.empty(); }
    // How many of them this turn may still release, and that so many were.
    size_t releases_left() const {
        return released_per_turn() > released_ ? released_per_turn() - released_ : 0;
    }
    void count_released(size_t count) { released_ += count; }
    void set_released_per_turn(size_t count) {
        released_per_turn_ = count;
    }  // less in the simulator
    // Releases one slice. True: there is more.
    bool release_slice();
    // One send for each dirty link, then deletes the retired ones.
    void flush_links();
    void begin_turn() {
        turn_bytes_ = 0;
        released_ = 0;
        input.take_back();
    }
    // Links that leave for another worker, or come from one, in several steps.
    void begin_move() { ++moves_; }
    void end_move() {
        assert(moves_ > 0);
        --moves_;
    }
    bool has_moves() const { return moves_ != 0; }
    // No link and no connect is left.
    bool is_empty() const { return table.count() == 0 && abandoned_connects_ == 0; }
    std::vector<base::LinkHandle> handles() const;

    const base::WorkerId id;
    runtime::Worker& worker;
    ring::Ring& ring;
    runtime::TimerWheel& timers;
    ServerFacts& facts;
    log::Writer& log;
    runtime::JobRunner& jobs;
    runtime::JobRunner& handshakes;
    runtime::JobRunner& lookups;
    runtime::SlabPool slabs;
    LentInput input;
    LinkTable table;
    WebsocketTools websocket_tools;

  private:
    LinkLimits limits_;
    LinkCounters counters_;
    std::vector<Link*> dirty_;
    std::vector<Link*> retired_;
    std::vector<Link*> releasing_;
    uint64_t turn_bytes_ = 0;
    bool throttled_ = false;
    uint64_t abandoned_connects_ = 0;  // not yet given back by the ring
    size_t released_per_turn_ = 2048;
    size_t release_cost_ = 1;
    size_t released_ = 0;  // in this turn
    size_t moves_ = 0;     // under way
    bool holding_ = false;
    bool refuses_links_ = false;
    bool refuses_clients_ = false;
    std::unique_ptr<char[]> plaintext_;               // made for the first link with TLS
    std::unique_ptr<proto::S2Encoder> s2_encoder_;  // made for the first link that asks for it
};

}  // namespace nuring::link

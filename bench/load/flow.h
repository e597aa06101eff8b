// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/load/frames.h"
#include "bench/load/meter.h"
#include "bench/load/options.h"
#include "bench/load/poller.h"
#include "bench/load/report.h"
#include "bench/load/wire.h"

namespace nuring::bench {

// Flow drives full-load traffic: lanes of one publisher and its receivers. A publisher writes as
// fast as the socket takes it, but keeps at most a window of deliveries under way, so that a slow
// server is measured and not pushed into dropping slow consumers.
// Threads: one; the whole generator is one loop over non-blocking sockets.
// Limits:  options.window_bytes over all lanes together; options.chunk_bytes per send.
// Errors:  lost, doubled or reordered messages and closed connections invalidate the result.
class Flow {
  public:
    struct LanePlan {
        FrameBatch::Plan batch;
        std::vector<Wire*> receivers;   // none: the server is asked by PING how far it is
        size_t message_frame_size = 0;  // what a receiver reads per message
        bool shared = false;            // the receivers are one queue group
    };

    explicit Flow(const Options& options) : options_(options), meter_(options.server_pids) {}

    // The wires belong to the caller and outlive the flow.
    void add_lane(Wire* publisher, const LanePlan& plan);
    Poller* poller() { return &poller_; }

    // Warms up, measures, stops and waits for what is under way. `extra` is called in every round
    // and tells whether it did something.
    void run(const std::function<bool()>& extra, Result* result);
    void run(Result* result) {
        run([] { return false; }, result);
    }

    uint64_t delivered() const;
    uint64_t published() const;
    // Longest time a publisher's socket was full, and longest time a receiver got nothing.
    uint64_t publisher_block_max_ns() const { return publisher_block_max_ns_; }
    uint64_t receiver_gap_max_ns() const { return receiver_gap_max_ns_; }
    // Publishing waits while this is false (a scenario's own brake).
    bool publishing = true;

  private:
    struct Receiver {
        Wire* wire = nullptr;
        uint64_t messages = 0;
        uint64_t next_number = 0;
        uint64_t last_receive_ns = 0;
    };
    struct Mark {
        uint64_t messages;
        uint64_t sent_ns;
    };
    struct Lane {
        Wire* publisher;
        FrameBatch batch;
        std::vector<Receiver> receivers;
        size_t message_frame_size;
        uint64_t copies;
        uint64_t number;
        size_t offset = 0;  // in the batch
        uint64_t rounds = 0;
        uint64_t stop_at = UINT64_MAX;  // byte of the stream
        uint64_t delivered = 0;
        uint64_t number_sum = 0;  // --verify on a queue group: of all received
        uint64_t pongs_at_start = 0;
        uint64_t blocked_since_ns = 0;
        std::deque<Mark> marks;

        uint64_t sent_bytes() const { return rounds * batch.bytes().size() + offset; }
        uint64_t published() const { return rounds * batch.messages() + batch.messages_in(offset); }
        bool asks() const { return receivers.empty(); }
    };

    bool round();
    bool pump(Lane* lane);
    size_t room(const Lane& lane) const;
    void after_send(Lane* lane, size_t sent);
    bool collect(Lane* lane);
    uint64_t collect_checked(Lane* lane, Receiver* receiver);
    void settle_marks(Lane* lane);
    void note_stalls();
    void limit_to_count();
    void stop();
    bool hopeful();
    void drain(Result* result);
    bool settled() const;
    void check(Result* result) const;

    const Options& options_;
    Poller poller_;
    Meter meter_;
    std::vector<std::unique_ptr<Lane>> lanes_;
    Histogram latency_;
    uint64_t clock_ns_ = 0;
    uint64_t progress_seen_ = 0;  // deliveries, and when they last grew
    uint64_t progress_seen_ns_ = 0;
    uint64_t publisher_block_max_ns_ = 0;
    uint64_t receiver_gap_max_ns_ = 0;
    std::string broken_;  // first broken promise seen while receiving
};

}  // namespace nuring::bench

// SPDX-License-Identifier: Apache-2.0
// A NATS client in the simulated world.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/prng.h"
#include "tests/sim/oracle.h"
#include "tests/sim/sim_net.h"
#include "tests/sim/swarm.h"

namespace nuring::sim {

// What clients ask of the world that they live in.
class SimClientHost {
  public:
    // A number that grows with everything that any client does or sees.
    virtual uint64_t next_step() = 0;
    // The server broke its promise; the run ends.
    virtual void fail(const std::string& text) = 0;
    // For the eyes of who replays a seed.
    virtual void trace(uint32_t client, std::string_view text) = 0;

  protected:
    ~SimClientHost() = default;
};

// SimClient talks to the simulated server as many different clients would at once: it subscribes,
// publishes in bursts, asks, answers, unsubscribes, stops reading, leaves or talks nonsense, by its
// own dice; and it tells the oracle what it sent and what came.
//
// Threads: one. Limits: it queues nothing more while kQueuedMax bytes wait for the network.
// Errors:  what the server must not do ends the run through SimClientHost::fail().
class SimClient final : private SimWatcher {
  public:
    static constexpr size_t kQueuedMax = 32 * 1024;

    SimClient(SimClientHost& host, SimNet& net, Oracle& oracle, const Swarm& swarm, uint64_t seed,
              uint16_t port);
    SimClient(const SimClient&) = delete;
    SimClient& operator=(const SimClient&) = delete;

    uint32_t id() const { return id_; }
    // Does one thing of its own choice. False: it can not now.
    bool act();
    // Sends a PING; what was sent before is known to be handled when it is answered.
    void fence();
    // Reads again, if it had stopped.
    void read_on();
    // Ends the connection once all its fences are answered.
    void leave_in_order();
    // The server will end it, and may.
    void expect_end();
    // Everything was sent, every PING answered; or the connection has gone.
    bool settled() const;
    bool gone() const { return gone_; }
    // What it waits for, for the report of a stuck world.
    std::string describe() const;

  private:
    struct Fence {
        std::vector<size_t> subscribed;
        std::vector<size_t> unsubscribed;
        std::vector<size_t> limited;
        uint32_t publish_count = 0;
        uint64_t ok_count = 0;
        uint64_t refusal_count = 0;
    };

    void note_readable(int fd) override;
    void note_writable(int fd) override;

    bool percent(uint32_t chance) { return prng_.percent(chance); }
    void say(std::string_view text);
    void expect_ok();
    void write_out();
    void lose();
    void connect();
    void be_refused();
    const SimUser& user() const { return *oracle_.client(id_).user; }
    // What was just sent is answered by that error and has no effect.
    void expect_refusal(std::string_view kind, std::string_view subject);
    std::string random_subject();
    std::string random_pattern();
    void subscribe(const std::string& pattern, const std::string& queue);
    void unsubscribe();
    void publish_some();
    void publish(const std::string& subject, const std::string& reply, uint32_t payload_size,
                 bool with_headers);
    void stop_reading();
    void leave();
    void talk_nonsense();

    void read_in();
    // Handles one frame at the front of in_; the bytes used, 0 when it is not complete.
    size_t take_frame(std::string_view in);
    size_t take_message(std::string_view in, std::string_view line, bool has_headers);
    void take_pong();

    SimClientHost& host_;
    SimNet& net_;
    Oracle& oracle_;
    const Swarm& swarm_;
    base::Prng prng_;
    SimStream& stream_;
    uint32_t id_ = 0;
    bool verbose_ = false;
    bool canonical_ = true;   // writes control lines as everybody does
    bool connected_ = false;  // CONNECT was queued
    bool gone_ = false;
    bool leaving_ = false;  // its end is wanted, by whatever means
    bool stopped_reading_ever_ = false;
    std::string out_;
    std::string in_;
    uint64_t next_sid_ = 1;
    uint64_t next_request_ = 1;
    std::map<std::string, size_t, std::less<>> subscriptions_;  // by sid, those not yet forgotten
    std::vector<std::string> free_sids_;                        // of acknowledged UNSUBs
    Fence open_fence_;
    std::deque<Fence> fences_;
    uint64_t ok_expected_ = 0;
    uint64_t ok_seen_ = 0;
    std::deque<std::string> refusals_expected_;
    uint64_t refusals_expected_ever_ = 0;
};

}  // namespace nuring::sim

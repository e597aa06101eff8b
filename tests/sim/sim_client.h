// SPDX-License-Identifier: Apache-2.0
// A NATS client in the simulated world.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/oracle.h"
#include "tests/sim/sim_connection.h"
#include "tests/sim/swarm.h"

namespace nuring::sim {

// SimClient talks to the simulated server as many different clients would at once: it subscribes,
// publishes in bursts, asks, answers, unsubscribes, stops reading, leaves or talks nonsense, by its
// own dice; and it tells the oracle what it sent and what came.
//
// Threads: one. Limits: those of SimConnection.
// Errors:  what the server must not do ends the run through SimClientHost::fail().
class SimClient final : public SimConnection {
  public:
    SimClient(SimClientHost& host, SimNet& net, Oracle& oracle, const Swarm& swarm, uint64_t seed,
              uint16_t port);

    // Does one thing of its own choice. False: it can not now.
    bool act();
    // Sends a PING; what was sent before is known to be handled when it is answered.
    void fence();
    // Ends the connection once all its fences are answered.
    void leave_in_order();
    // The server will end it, and may.
    void expect_end();
    // Everything was sent, every PING answered; or the connection has gone.
    bool settled() const;
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

    void expect_ok();
    void lose();
    void connect();
    void be_refused();
    const SimUser& user() const { return *oracle_.client(id()).user; }
    // What was just sent is answered by that error and has no effect.
    void expect_refusal(std::string_view kind, std::string_view subject);
    std::string random_subject();
    std::string random_pattern();
    void subscribe(const std::string& pattern, const std::string& queue);
    void unsubscribe();
    bool may_add() const;
    void publish_some();
    void publish(const std::string& subject, const std::string& reply, uint32_t payload_size,
                 bool with_headers);
    void leave();
    void talk_nonsense();

    size_t take_frame(std::string_view in) override;
    void on_end() override;
    size_t take_message(std::string_view in, std::string_view line, bool has_headers);
    void take_pong();

    Oracle& oracle_;
    const Swarm& swarm_;
    bool verbose_ = false;
    bool publisher_ = false;  // drops the subscriptions that it has now and then
    bool mover_ = false;      // has such subscriptions that it may move to another worker
    bool canonical_ = true;   // writes control lines as everybody does
    bool leaving_ = false;  // its end is wanted, by whatever means
    bool stopped_reading_ever_ = false;
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

// SPDX-License-Identifier: Apache-2.0
// A NATS client in a simulated cluster.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/cluster_draw.h"
#include "tests/sim/cluster_oracle.h"
#include "tests/sim/sim_connection.h"

namespace nuring::sim {

// The user of each account has its name.
inline constexpr const char* kAccountNames[] = {"ONE", "TWO"};

// ClusterClient is one connection to one server: it subscribes, publishes in bursts, asks, answers,
// unsubscribes, stops reading or leaves, by its own dice, and tells the oracle what it sent and what came.
//
// Threads: one. Limits: those of SimConnection.
// Errors:  what a server must not do ends the run through SimClientHost::fail(). The end of the connection
//          is no error: the oracle counts it.
class ClusterClient final : public SimConnection {
  public:
    ClusterClient(SimClientHost& host, SimNet& net, ClusterOracle& oracle, const ClusterDraw& draw,
                  uint64_t seed, uint32_t server, uint16_t port);

    uint32_t server() const { return oracle_.client(id()).server; }
    // Does one thing of its own choice. False: it can not now.
    bool act();
    // Sends a PING; what was sent before is known to be handled when it is answered.
    void fence();
    bool settled() const { return gone() || (connected_ && out_.empty() && fences_.empty()); }
    std::string describe() const;

  private:
    struct Fence {
        std::vector<size_t> subscribed;
        std::vector<size_t> unsubscribed;
        std::vector<size_t> limited;
        uint32_t publish_count = 0;
    };

    bool permille(uint64_t chance) { return chance != 0 && prng_.below(1000) < chance; }
    void lose(std::string_view why);
    void connect();
    std::string random_subject();
    std::string random_pattern();
    void subscribe(const std::string& pattern, const std::string& queue);
    void unsubscribe();
    void publish(const std::string& subject, const std::string& reply);
    bool may_add() const;
    void publish_some();
    size_t take_frame(std::string_view in) override;
    void on_end() override;
    size_t take_message(std::string_view in, std::string_view line, bool has_headers);
    void take_pong();
    void take_error(std::string_view line);

    ClusterOracle& oracle_;
    const ClusterDraw& draw_;
    bool publisher_ = false;  // drops the subscriptions that it has now and then
    bool mover_ = false;  // has such subscriptions that it may move to another worker
    uint64_t next_sid_ = 1;
    uint64_t next_request_ = 1;
    std::map<std::string, size_t, std::less<>> subscriptions_;  // by sid, those not yet forgotten
    Fence open_fence_;
    std::deque<Fence> fences_;
    uint32_t handled_count_ = 0;  // publishes that the oracle knows to be handled
};

}  // namespace nuring::sim

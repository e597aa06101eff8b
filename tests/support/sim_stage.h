// SPDX-License-Identifier: Apache-2.0
// Workers on simulated rings, run turn by turn in the test's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/runtime/worker.h"
#include "tests/sim/sim_net.h"
#include "tests/sim/sim_ring.h"

namespace nuring::test {

// SimStage lets the workers of one test run: whoever has something to do, in turn, and the network's
// events as they come due. The clock moves only when nobody has anything to do.
// Threads: one. Errors: none. Lifetime: the workers that were added must not outlive it.
class SimStage {
  public:
    explicit SimStage(uint32_t worker_count, const ring::RingOptions& options = {}) {
        for (uint32_t i = 0; i < worker_count; ++i) {
            rings_.push_back(
                std::make_unique<sim::SimRing>(net, options, sim::SimRing::Waiting::kInWorld));
        }
    }

    std::vector<ring::Ring*> rings() const {
        std::vector<ring::Ring*> all;
        for (const auto& ring : rings_) all.push_back(ring.get());
        return all;
    }
    sim::SimRing& ring(uint32_t worker) { return *rings_[worker]; }
    void add(runtime::Worker& worker) {
        (void)worker.start();
        workers_.push_back(&worker);
        paused_.push_back(false);
    }
    // A paused worker runs no turn, as if the system had taken its processor away.
    void pause(uint32_t worker, bool on) { paused_[worker] = on; }

    // Runs one turn of each worker that has something to do, else the next event up to that time.
    // False when there is neither.
    bool step(uint64_t until_ns, bool timers) {
        bool ran = false;
        uint64_t wake_ns = UINT64_MAX;
        for (size_t i = 0; i < workers_.size(); ++i) {
            if (paused_[i]) continue;
            const uint64_t waits_until_ns = workers_[i]->wait_until_ns();
            if (waits_until_ns <= net.now_ns() || rings_[i]->ready()) {
                workers_[i]->turn();
                ran = true;
            } else if (timers) {
                wake_ns = std::min(wake_ns, waits_until_ns);
            }
        }
        if (ran) return true;
        const uint64_t event_ns = net.next_event_ns();
        const uint64_t next_ns = std::min(event_ns, wake_ns);
        if (next_ns == UINT64_MAX || next_ns > until_ns) return false;
        if (event_ns <= wake_ns) return net.step();
        net.advance_to(wake_ns);
        return true;
    }
    // Until nothing is under way any more; timers do not count.
    void settle() {
        while (step(UINT64_MAX, /*timers=*/false)) {
        }
    }
    // So much time goes by, with all that falls into it.
    void pass(uint64_t ns) {
        const uint64_t until_ns = net.now_ns() + ns;
        while (net.now_ns() < until_ns && step(until_ns, /*timers=*/true)) {
        }
        net.advance_to(until_ns);
        settle();
    }

    sim::SimNet net{1, sim::SimFaults{}};

  private:
    std::vector<std::unique_ptr<sim::SimRing>> rings_;
    std::vector<runtime::Worker*> workers_;
    std::vector<bool> paused_;
};

// SimPeer is the far end of a connection, in the test's hand.
class SimPeer {
  public:
    SimPeer(SimStage& stage, sim::SimStream& stream) : stage_(stage), stream_(stream) {}

    // Writes all of it, letting the workers run where the connection is full.
    void say(std::string_view text) {
        while (!text.empty() && !ended()) {
            text.remove_prefix(offer(text));
            if (!text.empty() && !stage_.step(UINT64_MAX, /*timers=*/false)) break;
        }
        unsaid_ = text.size();
    }
    // Writes what has room.
    size_t offer(std::string_view text) { return stream_.write(text); }
    // What say() could not get rid of, because the server does not read.
    size_t unsaid() const { return unsaid_; }
    // Everything that comes until nothing is under way any more.
    std::string hear() {
        std::string heard;
        do {
            heard += stream_.read_all();
        } while (stage_.step(UINT64_MAX, /*timers=*/false));
        return heard + stream_.read_all();
    }
    // What it hears of after having said this.
    std::string ask(std::string_view text) {
        say(text);
        return hear();
    }
    bool ended() const { return stream_.at_end() || stream_.was_reset(); }
    sim::SimStream& stream() { return stream_; }

  private:
    SimStage& stage_;
    sim::SimStream& stream_;
    size_t unsaid_ = 0;
};

}  // namespace nuring::test

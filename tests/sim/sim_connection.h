// SPDX-License-Identifier: Apache-2.0
// What simulated clients of both worlds share.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/prng.h"
#include "tests/sim/sim_net.h"

namespace nuring::sim {

// What clients ask of the world that they live in.
class SimClientHost {
  public:
    // A number that grows with everything that any client does or sees.
    virtual uint64_t next_step() = 0;
    // The server broke its promise; the run ends.
    virtual void fail(const std::string& text) = 0;
    // A line for the reader of a replayed seed.
    virtual void trace(uint32_t client, std::string_view text) = 0;

  protected:
    ~SimClientHost() = default;
};

// SimConnection is the client's end of a stream: what waits to be written, what was read of an incomplete
// frame, and the client's own dice.
// Threads: one. Limits: it queues nothing more while kQueuedMax bytes wait for the network.
class SimConnection : private SimWatcher {
  public:
    static constexpr size_t kQueuedMax = 32 * 1024;

    SimConnection(const SimConnection&) = delete;
    SimConnection& operator=(const SimConnection&) = delete;

    uint32_t id() const { return id_; }
    bool gone() const { return gone_; }
    // Reads again, if it had stopped.
    void read_on();

  protected:
    SimConnection(SimClientHost& host, SimNet& net, uint64_t seed, uint16_t port);
    ~SimConnection() = default;

    // From now on the stream is read; `id` is the client's in the oracle.
    void begin(uint32_t id);
    // Nothing is read or written any more.
    void end();
    void stop_reading(uint64_t least_ns, uint64_t most_ns);
    void say(std::string_view text);
    void trace(std::string_view text) { host_.trace(id_, text); }
    bool percent(uint64_t chance) { return prng_.percent(static_cast<uint32_t>(chance)); }
    // Appends one to three tokens, of that many different ones.
    void append_subject(uint32_t token_count, std::string* subject);
    void append_pattern(uint32_t token_count, std::string* pattern);

    SimClientHost& host_;
    SimNet& net_;
    base::Prng prng_;
    SimStream& stream_;
    bool connected_ = false;  // CONNECT was queued
    std::string out_;

  private:
    // Handles one frame at the front; the bytes used, 0 when it is not complete.
    virtual size_t take_frame(std::string_view in) = 0;
    // The stream has ended, or was reset.
    virtual void on_end() = 0;

    void note_readable(int fd) override;
    void note_writable(int fd) override;
    void write_out();
    void read_in();

    uint32_t id_ = 0;
    bool gone_ = false;
    std::string in_;
};

}  // namespace nuring::sim

// SPDX-License-Identifier: Apache-2.0
// The simulated network: byte streams, faults and a virtual clock, all drawn from one seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/prng.h"

namespace nuring::sim {

// SimFaults says how often what goes wrong. All zero chances: a quick, orderly network.
struct SimFaults {
    uint64_t latency_min_ns = 1'000;
    uint64_t latency_max_ns = 50'000;
    uint32_t split_percent = 0;            // a written run travels in several pieces
    uint32_t stall_permille = 0;           // a piece, and all behind it, is held up ...
    uint64_t stall_max_ns = 20'000'000;    // ... for at most this long
    uint32_t reset_permille = 0;           // a piece is lost and the connection with it
    uint32_t short_receive_percent = 0;    // a receive completes with less than has arrived
    uint32_t short_send_percent = 0;       // a send takes less than there is room for
    uint32_t delay_percent = 0;            // a completion comes late ...
    uint64_t delay_max_ns = 200'000;       // ... by at most this long
    uint32_t spurious_wake_permille = 0;   // per turn
    uint32_t late_cancel_percent = 0;      // a cancelled receive brings bytes in the turn in which it ends
    uint32_t partial_turn_percent = 0;     // a turn leaves ready completions for the next
    uint32_t accept_failure_permille = 0;  // an accept ends with EMFILE
    uint32_t connect_refusal_permille = 0;  // a connection of a server is refused ...
    uint32_t connect_loss_permille = 0;     // ... or nothing is ever heard of it
    uint32_t wall_jump_permille = 0;       // a reading of the wall clock comes after a jump ...
    uint64_t wall_jump_max_ns = 3'600'000'000'000;  // ... of at most this much, either way
    size_t stream_bytes_min = 64 * 1024;  // what one direction of a connection holds: drawn
    size_t stream_bytes_max = 64 * 1024;  // per direction between these two
};

class SimNet;

// A machine of the world: what a partition separates, what crashes as a whole.
using HostId = uint32_t;
// Where clients are that never crash and that no partition separates from anybody.
inline constexpr HostId kAnywhere = UINT32_MAX;

// SimWatcher hears that a stream or listener may have become readable or writable.
class SimWatcher {
  public:
    virtual void note_readable(int fd) = 0;
    virtual void note_writable(int fd) = 0;

  protected:
    ~SimWatcher() = default;
};

// SimStream is one end of a simulated connection. What is written arrives at the other end in
// order, later, in pieces, unless the connection is reset.
// Threads: all of the simulation runs on one.
// Limits:  each direction holds a bounded number of bytes, in flight or unread; write() takes what
//          has room.
// Errors:  was_reset() after a reset by either end or by a fault.
// Lifetime: owned by the SimNet, as long as that; a closed end must not be used but for its
// queries.
class SimStream {
  public:
    SimStream(SimNet& net, uint32_t id, size_t capacity)
        : net_(net), id_(id), capacity_(capacity) {}
    SimStream(const SimStream&) = delete;
    SimStream& operator=(const SimStream&) = delete;

    uint32_t id() const { return id_; }
    // Takes what has room; 0 when full, reset or shut.
    size_t write(std::string_view bytes);
    size_t room() const;
    // Arrived and unread bytes.
    size_t readable_size() const { return arrived_.size() - arrived_at_; }
    size_t read(char* out, size_t size);
    // Everything that has arrived (nothing while reading is switched off).
    std::string read_all();
    void set_reading(bool on);
    bool reading() const { return reading_; }
    // The other end has ended its sending and all of it was read.
    bool at_end() const { return end_arrived_ && readable_size() == 0; }
    bool end_arrived() const { return end_arrived_; }
    bool was_reset() const { return reset_; }
    bool closed() const { return closed_; }
    bool send_ended() const { return send_ended_; }
    // What was written here and not yet read at the other end.
    size_t unread_size() const { return other_->in_flight_size_ + other_->readable_size(); }
    size_t in_flight_size() const { return other_->in_flight_size_; }
    HostId host() const { return host_; }
    HostId other_host() const { return other_->host_; }
    void shutdown_send();
    // Ends both directions; with unread bytes the other end sees a reset, as the kernel does it.
    void close();
    void reset();

    void watch(SimWatcher* watcher, int fd) {
        watcher_ = watcher;
        fd_ = fd;
    }
    void unwatch() { watcher_ = nullptr; }

  private:
    friend class SimNet;
    struct Piece {
        std::string bytes;
        bool end = false;
    };

    void travel(std::string bytes, bool end);
    void arrive();
    void be_reset();
    // A reset from the other end comes through, unless the way is cut: then it waits.
    void reset_arrives();
    // Nothing from the other end gets here now.
    bool is_cut_off() const;
    // What a cut held up comes through after all.
    void release_held();
    // The process at this end has died.
    void vanish(bool tells_other);
    void tell_readable();
    void tell_writable();

    SimNet& net_;
    const uint32_t id_;
    const size_t capacity_;  // of the direction that leaves from here
    HostId host_ = 0;        // where this end is
    SimStream* other_ = nullptr;
    SimWatcher* watcher_ = nullptr;
    int fd_ = -1;
    bool reading_ = true;
    bool closed_ = false;
    bool reset_ = false;
    bool send_ended_ = false;
    bool end_arrived_ = false;
    // Towards this end.
    std::deque<Piece> in_flight_;
    size_t in_flight_size_ = 0;
    uint64_t last_arrival_ns_ = 0;
    uint32_t held_arrivals_ = 0;  // pieces whose time has come while the way was cut
    bool held_reset_ = false;
    std::string arrived_;
    size_t arrived_at_ = 0;
};

// A listening socket: connections wait in it until they are accepted.
struct SimListener {
    uint16_t port = 0;
    HostId host = 0;
    int fd = -1;
    std::deque<SimStream*> waiting;
    SimWatcher* watcher = nullptr;
};

// SimNet is the world outside the servers: the clock, the events to come, the connections and the
// table of descriptors. Everything that happens is an event, run in the order of (time, number);
// every choice is drawn from the seed; so a seed replays exactly.
// Threads: one. Limits: none of its own. Errors: misuse of a descriptor is a bug and asserts.
class SimNet {
  public:
    SimNet(uint64_t seed, const SimFaults& faults);
    ~SimNet();
    SimNet(const SimNet&) = delete;
    SimNet& operator=(const SimNet&) = delete;

    // --- clock and events
    uint64_t now_ns() const { return now_ns_; }
    uint64_t wall_ns();
    // Lets a little time pass, as a clock reading does.
    uint64_t tick_ns() { return now_ns_ += 40; }
    void at(uint64_t time_ns, std::function<void()> event);
    void after(uint64_t delay_ns, std::function<void()> event) {
        at(now_ns_ + delay_ns, std::move(event));
    }
    // UINT64_MAX: nothing will happen by itself.
    uint64_t next_event_ns() const;
    // Runs the next event, moving the clock to its time; false if there is none.
    bool step();
    void advance_to(uint64_t time_ns) {
        if (time_ns > now_ns_) now_ns_ = time_ns;
    }
    uint64_t event_count() const { return event_count_; }

    // --- chance
    base::Prng& prng() { return prng_; }
    const SimFaults& faults() const { return faults_; }
    // Faults can be switched off to let everything settle.
    void set_faults(const SimFaults& faults) { faults_ = faults; }
    bool permille(uint32_t chance) { return chance != 0 && prng_.below(1000) < chance; }
    bool percent(uint32_t chance) { return chance != 0 && prng_.percent(chance); }
    uint64_t between(uint64_t low, uint64_t high);
    uint64_t latency_ns() { return between(faults_.latency_min_ns, faults_.latency_max_ns); }
    // How late a completion comes: mostly not at all.
    uint64_t completion_delay_ns();

    // --- sockets
    // Port 0 takes a free one; returns the descriptor, -1 when the port is taken.
    int listen(uint16_t port, HostId host = 0);
    // A client or server connects; refused (was_reset() after a while) when nobody listens. `answer` is
    // called when it knows.
    using Answer = std::function<void(SimStream& stream, bool connected)>;
    SimStream& connect(uint16_t port, Answer answer = nullptr, HostId from = kAnywhere);
    int add_descriptor(SimStream& stream, HostId host = 0);
    void close_descriptor(int fd);
    SimStream* stream_of(int fd) const;
    SimListener* listener_of(int fd) const;
    size_t descriptor_count() const { return descriptor_count_; }

    // --- hosts
    // From now on nothing that leaves one host reaches the other: it waits until the cut ends.
    // Connections that are asked for meanwhile get no answer at all.
    void set_cut(HostId from, HostId to, bool on);
    bool is_cut(HostId from, HostId to) const {
        return !cuts_.empty() && cuts_.count({from, to}) != 0;
    }
    bool is_down(HostId host) const { return !down_.empty() && down_.count(host) != 0; }
    // Resets what connects the two; returns how many connections that were.
    size_t reset_between(HostId a, HostId b);
    // The process on the host dies: its descriptors are closed. A silent crash takes the machine
    // along: other hosts hear nothing more of it, until it is up again and answers what they send
    // with resets.
    void crash(HostId host, bool silent);
    void bring_up(HostId host);
    // Called when a fault has reset a connection of two hosts.
    void set_on_reset(std::function<void(HostId a, HostId b)> call) { on_reset_ = std::move(call); }
    // Sees what one host writes to another, and may change it: for traces, and for bugs that are planted
    // on purpose.
    using Meddler = std::function<std::string(HostId from, HostId to, std::string bytes)>;
    void set_meddler(Meddler meddler) { meddler_ = std::move(meddler); }
    std::string meddle(const SimStream& stream, std::string bytes) const;

  private:
    friend class SimStream;
    struct Descriptor {
        SimStream* stream = nullptr;
        SimListener* listener = nullptr;
        HostId host = 0;
    };
    void release_held();

    base::Prng prng_;
    SimFaults faults_;
    uint64_t now_ns_ = 1'000'000'000;
    uint64_t wall_offset_ns_ = 1'700'000'000'000'000'000;
    uint64_t next_number_ = 0;
    uint64_t event_count_ = 0;
    std::map<std::pair<uint64_t, uint64_t>, std::function<void()>> events_;
    std::vector<std::unique_ptr<SimStream>> streams_;
    std::map<uint16_t, std::unique_ptr<SimListener>> listeners_;
    std::vector<Descriptor> descriptors_;
    size_t descriptor_count_ = 0;
    std::set<std::pair<HostId, HostId>> cuts_;  // from, to
    std::set<HostId> down_;
    std::function<void(HostId, HostId)> on_reset_;
    Meddler meddler_;
};

}  // namespace nuring::sim

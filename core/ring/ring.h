// SPDX-License-Identifier: Apache-2.0
// The seam between a worker and the kernel.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "core/base/time_units.h"
#include "core/ring/submission.h"

namespace nuring::ring {

inline constexpr uint64_t kForever = UINT64_MAX;

// Bytes after the end of every receive buffer that may be read (never interpreted), so that the data
// path can copy in whole vector registers.
inline constexpr size_t kReceiveSlackBytes = 64;

// The most parts that one send may gather.
inline constexpr unsigned kSendPartsMax = 64;

struct RingOptions {
    uint32_t receive_buffer_bytes = 128 * 1024;
    uint32_t receive_buffer_count_max = 512;  // per worker; memory is touched only when used
    uint32_t receive_buffer_count = 8;        // lent to the kernel at once; grows under demand
    uint32_t submission_count = 1024;         // entries of the submission queue; completions 4 times
    uint64_t zero_copy_threshold_bytes = 0;   // sends at or above go zero-copy; 0 = never
    uint64_t card_poll_ns = 0;                // how long to poll network cards before a sleep; 0 = not
};

// A receive of at least half a buffer whose completion function takes longer is slow, see Ring::receive().
inline constexpr uint64_t kSlowReceive_ns = 1'000'000;

// Of all receive buffers, the owner may keep one in so many: Ring::keepable_buffers().
inline constexpr uint32_t kKeepablePart = 4;

struct ListenSocket {
    int fd = -1;
    std::string host;  // numeric, as bound
    uint16_t port = 0;
};

struct PeerAddress {
    char host[46] = {};  // numeric
    uint16_t port = 0;
};

// The target of a connect. IPv4 or IPv6, as text, so that it reads the same in a log; no names.
struct SocketAddress {
    std::string host;  // numeric: "127.0.0.1", "::1", "fe80::1%eth0"
    uint16_t port = 0;
};

// Counters of one ring; plain integers, read by the owning worker.
struct RingStats {
    uint64_t turns = 0;
    uint64_t enters = 0;          // system calls that submit or wait
    uint64_t completions = 0;
    uint64_t receives = 0;
    uint64_t sends = 0;
    uint64_t zero_copy_sends = 0;
    uint64_t short_sends = 0;
    uint64_t buffer_shortages = 0;   // ENOBUFS
    uint64_t queue_overflows = 0;    // completion queue overflowed
    uint64_t wakes_sent = 0;
    uint64_t wakes_received = 0;
};

// Ring carries every kernel effect of one worker: sockets, waiting, waking, clocks and randomness.
// Three implementations: io_uring, epoll, and the deterministic simulator under tests/. It is an
// abstract class rather than a link-time choice because io_uring and epoll must be chosen when the
// process starts anyway; its calls are per request and per turn, never per message.
//
// Threads: create on any thread; start() binds it to the calling thread, which makes all further
//          calls, but for notify(), which any thread may call at any time.
// Limits:  RingOptions. Requests beyond the queue's size are submitted early, not refused.
// Errors:  set-up returns Status; requests fail through their completion. Shortage of receive buffers
//          is not an error to the caller: the ring arms the receive again when buffers come back.
//          fatal_error() ends the ring.
// Lifetime: the owner must not destroy it while a submission is pending, except at process exit.
class Ring {
  public:
    virtual ~Ring() = default;

    virtual const char* name() const = 0;  // "io_uring", "epoll", "sim"

    // Binds the ring to the calling thread. Once, before anything else.
    virtual absl::Status start() = 0;

    // --- sockets -------------------------------------------------------------------------------
    // Opens a listening stream socket; port 0 takes any free one. May be called before start().
    virtual absl::StatusOr<ListenSocket> listen(const std::string& host, uint16_t port) = 0;
    // Multishot: completes with the descriptor of each accepted connection, until cancelled or until
    // an error (EMFILE, ...), which ends it (more == false); the caller arms it again when it likes.
    virtual void accept(Submission& submission, int fd) = 0;
    // Opens a stream socket (TCP_NODELAY, as accepted ones have it) and connects it. Completes once, with
    // the descriptor or an error, which leaves none behind; -EINVAL when the host is not numeric. It takes
    // as long as the kernel tries: the caller has a timer, and cancels.
    virtual void connect(Submission& submission, const SocketAddress& address) = 0;
    // Multishot: completes with each run of bytes received, in order; result 0 is the peer's end.
    // result <= 0 always has more == false. A socket whose bytes take long to handle gets one buffer at a
    // time, and of all such sockets one gets it in a turn: others would wait for all that they send.
    // Submission::in_small_runs: one buffer at a time, too, which is not filled.
    virtual void receive(Submission& submission, int fd) = 0;
    // Sends the parts in order; may complete short (the caller sends the rest). The bytes stay
    // untouched until the completion; the array of parts may go at once. At most one per descriptor.
    virtual void send(Submission& submission, int fd, std::span<const iovec> parts) = 0;
    // Ends a request; its last completion still comes (result -ECANCELED unless it had succeeded; so a
    // connect may bring a descriptor that is not wanted any more).
    virtual void cancel(Submission& submission) = 0;
    // Ends sending (FIN), or both directions, after which a pending receive completes with 0 and a
    // pending send with an error.
    virtual void shutdown_send(int fd) = 0;
    virtual void shutdown(int fd) = 0;
    // The descriptor must have no pending submission.
    virtual void close(int fd) = 0;
    // The descriptor goes to another ring, which may use it from now on; it has no pending submission.
    virtual void detach(int fd) = 0;
    virtual PeerAddress peer_address(int fd) = 0;

    // Gives a lent receive buffer back.
    virtual void return_buffer(uint32_t buffer) = 0;
    // So many receive buffers may be kept beyond the call of their completion, without a shortage.
    uint32_t keepable_buffers() const { return keepable_buffers_; }

    // --- turns, wakes --------------------------------------------------------------------------
    // Submits what was requested, waits for a completion or until now_ns() >= deadline_ns (0: does not
    // wait), calls the completion functions of all that is ready. Returns how many it called.
    virtual unsigned turn(uint64_t deadline_ns) = 0;
    // Not 0: the kernel refuses turns for good, with this errno. Nothing is submitted or completed any more,
    // and turn() returns at once.
    int fatal_error() const { return fatal_error_; }
    // For completion functions: the turn need call no other completion function. Completions that are ready
    // come with the next turn, which does not wait. Of further bytes received the turn hands out only a few
    // runs (kSmallPerCutTurn, small_bytes_max()): the request of a quiet socket does not wait for what busy
    // ones have sent before it.
    void cut_turn() { cut_ = true; }
    // Called before the completion function of each receive that brings bytes: what those bytes follow
    // from may have to be handled first (runtime/worker.h). It may cancel requests and make others.
    void set_before_receive(void (*call)(void*), void* state) {
        before_receive_ = call;
        before_receive_state_ = state;
    }
    // True: some socket receives from a network card that the kernel can poll. set_card_polling(true) makes
    // each turn() poll the cards for RingOptions::card_poll_ns before it sleeps. A wake or a completion ends
    // the polling.
    virtual bool has_cards() const { return false; }
    virtual void set_card_polling(bool) {}
    // Makes the other ring's turn() return. Same process; `other` is of the same implementation.
    virtual void wake(Ring& other) = 0;
    // The same, from any thread.
    virtual void notify() = 0;

    // --- clock, randomness ---------------------------------------------------------------------
    // Monotonic time, read once per turn.
    uint64_t now_ns() const { return now_ns_; }
    // Wall clock, ns since 1970; a fresh reading.
    virtual uint64_t wall_ns() = 0;
    int64_t wall_s() { return static_cast<int64_t>(wall_ns() / base::kSecond_ns); }
    // A fresh reading of the monotonic clock (histograms, busy polling).
    virtual uint64_t fresh_now_ns() = 0;
    virtual void fill_random(std::span<unsigned char> out) = 0;
    // For generators and hash seeds: unknown to peers.
    uint64_t random_seed() {
        uint64_t seed = 0;
        fill_random({reinterpret_cast<unsigned char*>(&seed), sizeof seed});
        return seed;
    }

    const RingStats& stats() const { return stats_; }

  protected:
    static constexpr unsigned kSmallPerCutTurn = 64;
    static int32_t small_bytes_max(const RingOptions& options) {
        return static_cast<int32_t>(std::min(512U, options.receive_buffer_bytes / 16));
    }

    void before_receive() {
        if (before_receive_ != nullptr) before_receive_(before_receive_state_);
    }

    uint64_t now_ns_ = 0;
    uint32_t keepable_buffers_ = 0;
    bool cut_ = false;  // by cut_turn()
    int fatal_error_ = 0;
    RingStats stats_;

  private:
    void (*before_receive_)(void*) = nullptr;
    void* before_receive_state_ = nullptr;
};

}  // namespace nuring::ring

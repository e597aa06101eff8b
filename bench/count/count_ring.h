// SPDX-License-Identifier: Apache-2.0
// The kernel of a count: sockets, clock and wakes of the workers of one server, without chance and faults.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/prng.h"
#include "core/ring/ring.h"

namespace nuring::count {

class CountRing;

// Tally says which instructions belong to the server: those between enter() and leave(). Without valgrind it
// does nothing.
class Tally {
  public:
    // What runs in its life belongs to the server ...
    class Server {
      public:
        Server() { Tally::toggle(); }
        ~Server() { Tally::toggle(); }
        Server(const Server&) = delete;
        Server& operator=(const Server&) = delete;
    };
    // ... but for what the server asks of the kernel.
    class Kernel {
      public:
        Kernel() { Tally::toggle(); }
        ~Kernel() { Tally::toggle(); }
        Kernel(const Kernel&) = delete;
        Kernel& operator=(const Kernel&) = delete;
    };

    // Nothing is counted until then.
    static void begin();
    // Ends a count and writes it under that name, for bench/count_gate.
    static void end(const std::string& name);

  private:
    static void toggle();
    static bool running_;
};

// CountNet is the client side of the sockets, and the clock.
// Threads: one. Limits: none. Errors: misuse asserts.
class CountNet {
  public:
    static constexpr uint64_t kTurn_ns = 1'000;

    // A client: what it sends is there at once; what it gets is counted, and kept where asked for.
    struct Socket {
        std::string input;  // not yet received by the server
        size_t input_at = 0;
        std::string output;
        bool keeps_output = false;
        uint64_t output_bytes = 0;
        ring::Submission* reader = nullptr;
        CountRing* ring = nullptr;  // that reads it
    };

    // Waits to be accepted; returns its descriptor.
    int connect();
    void send(int fd, std::string_view bytes);
    Socket& socket(int fd);

    uint64_t now_ns() const { return now_ns_; }
    void pass_time() { now_ns_ += kTurn_ns; }
    base::Prng& prng() { return prng_; }

  private:
    friend class CountRing;

    static constexpr int kListener = 3;
    static constexpr int kFirstSocket = 4;

    std::vector<std::unique_ptr<Socket>> sockets_;
    std::deque<int> waiting_;  // for accept
    uint64_t now_ns_ = 1'000'000'000;
    base::Prng prng_{20190604};
};

// CountRing completes a send with the next turn, as the kernel does while a socket has room, and hands out
// received bytes in buffers as full as they can be. A turn never waits: whoever calls it asks ready() first.
// Threads: one. Limits: RingOptions. Errors: none; a server that closes a connection is a bug and asserts.
class CountRing final : public ring::Ring {
  public:
    CountRing(CountNet& net, const ring::RingOptions& options);

    // turn() would call something.
    bool ready() const;

    const char* name() const override { return "count"; }
    absl::Status start() override;
    absl::StatusOr<ring::ListenSocket> listen(const std::string& host, uint16_t port) override;
    void accept(ring::Submission& submission, int fd) override;
    void connect(ring::Submission& submission, const ring::SocketAddress& address) override;
    void receive(ring::Submission& submission, int fd) override;
    void send(ring::Submission& submission, int fd, std::span<const iovec> parts) override;
    void cancel(ring::Submission& submission) override;
    void shutdown_send(int fd) override;
    void shutdown(int fd) override;
    void close(int fd) override;
    void detach(int fd) override { close(fd); }
    ring::PeerAddress peer_address(int fd) override;
    void return_buffer(uint32_t buffer) override;
    unsigned turn(uint64_t deadline_ns) override;
    void wake(ring::Ring& other) override;
    void notify() override { woken_ = true; }
    uint64_t wall_ns() override;
    uint64_t fresh_now_ns() override;
    void fill_random(std::span<unsigned char> out) override;

  private:
    struct Finished {
        ring::Submission* submission;
        int32_t result;
    };

    void complete(ring::Submission& submission, const ring::Completion& completion);
    void accept_all();
    void receive_from(int fd);

    CountNet& net_;
    const ring::RingOptions options_;
    ring::Submission* acceptor_ = nullptr;
    std::vector<int> readers_;  // descriptors, in the order in which they were armed
    std::vector<int> served_;   // of them, in this turn
    std::vector<Finished> finished_;
    std::vector<Finished> completing_;
    std::vector<std::unique_ptr<char[]>> buffers_;
    std::vector<uint32_t> free_buffers_;
    bool woken_ = false;
};

}  // namespace nuring::count

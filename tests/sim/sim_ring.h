// SPDX-License-Identifier: Apache-2.0
// The ring of a simulated worker.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/ring/ring.h"
#include "tests/sim/sim_net.h"

namespace nuring::sim {

// SimRing implements the seam on a SimNet. It is as unkind as the contract of ring.h allows: bytes
// come in small runs, sends complete short and late, requests go on completing after cancel() and
// shutdown() until their last completion, even in the turn that brings it, completions of different sockets
// overtake each other,
// descriptors are reused at once, and returned buffers are overwritten.
//
// It also checks the caller: one receive and one send per descriptor, buffers returned once, bytes
// untouched while a send is pending, no close with a submission pending, no use of a closed
// descriptor.
//
// A turn that has to wait runs the network itself until something is ready or the deadline is
// reached. In a world of several workers (Waiting::kInWorld) it never waits: the world calls turn()
// when ready() or when the deadline is due, and whatever else it does, a turn returns at once.
//
// Threads: one for the whole simulation; notify() too.
// Limits:  RingOptions.
// Errors:  see Ring; misuse asserts.
class SimRing final : public ring::Ring, private SimWatcher {
  public:
    enum class Waiting { kAlone, kInWorld };

    SimRing(SimNet& net, const ring::RingOptions& options, Waiting waiting = Waiting::kAlone,
            HostId host = 0);
    ~SimRing() override;
    SimRing(const SimRing&) = delete;
    SimRing& operator=(const SimRing&) = delete;

    // turn() would find something to return for.
    bool ready() const;
    size_t pending_count() const;
    size_t lent_buffer_count() const { return lent_count_; }
    // The process that it belongs to has died: nothing completes any more.
    void die();

    const char* name() const override { return "sim"; }
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
    void detach(int fd) override;
    ring::PeerAddress peer_address(int fd) override;
    void return_buffer(uint32_t buffer) override;
    unsigned turn(uint64_t deadline_ns) override;
    void wake(ring::Ring& other) override;
    void notify() override;
    uint64_t wall_ns() override { return net_.wall_ns(); }
    uint64_t fresh_now_ns() override { return net_.tick_ns(); }
    void fill_random(std::span<unsigned char> out) override;

  private:
    // What this ring has under way on one descriptor.
    struct Socket {
        uint64_t generation = 0;  // tells a reused number from the one that an event meant
        ring::Submission* reader = nullptr;
        ring::Submission* writer = nullptr;
        bool send_executed = false;  // the writer's result is on its way
        bool shut = false;
        bool is_ending = false;  // the reader is cancelled, and ends behind the next bytes
        std::vector<iovec> parts;
        uint64_t parts_digest = 0;
    };
    struct Finished {
        ring::Submission* submission;
        int32_t result;
    };
    struct Buffer {
        std::unique_ptr<char[]> bytes;
        size_t size = 0;  // of what was received last
        bool lent = false;
    };

    void note_readable(int fd) override;
    void note_writable(int fd) override;
    Socket& socket_of(int fd);
    void expect_unused(int fd);
    void arm(ring::Submission& submission, ring::Submission::Kind kind, int fd);
    void answer_connect(ring::Submission& submission, SimStream& stream, bool connected);
    void cancel_connect(ring::Submission& submission);
    void execute_send_later(int fd);
    void execute_send(int fd);
    void finish_send(int fd, int32_t result);
    // Takes the submission off its socket and queues its last completion.
    void finish(ring::Submission& submission, int32_t result);
    bool can_serve(int fd) const;
    void serve(int fd);
    void serve_accept(int fd, Socket& socket);
    void serve_receive(int fd, Socket& socket);
    void end_receive(int fd, Socket& socket, int32_t result);
    void deliver(ring::Submission& submission, const ring::Completion& completion);
    void wait(uint64_t deadline_ns);

    SimNet& net_;
    const ring::RingOptions options_;
    const Waiting waiting_;
    const HostId host_;
    std::map<int, Socket> sockets_;
    uint64_t next_generation_ = 1;
    std::map<ring::Submission*, SimStream*> connecting_;  // null: no answer will ever come
    std::set<int> readable_;  // descriptors with an armed reader and something for it
    std::vector<Finished> finished_;
    std::vector<Buffer> buffers_;
    std::vector<uint32_t> free_buffers_;
    // As the kernel fills all buffers of a turn before the first of them is looked at.
    std::vector<uint32_t> returned_buffers_;
    bool in_turn_ = false;
    size_t lent_count_ = 0;
    bool woken_ = false;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // events outlive a ring
};

}  // namespace nuring::sim

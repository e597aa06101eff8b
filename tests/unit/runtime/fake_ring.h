// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cassert>
#include <functional>
#include <span>
#include <string>

#include "core/ring/ring.h"

namespace nuring::runtime {

// FakeRing is a ring without sockets: it counts wakes, and its clock is what the test says.
// Threads: wake() and notify() on any; the rest on the test's. Errors: none.
class FakeRing final : public ring::Ring {
  public:
    void set_now(uint64_t now_ns) { now_ns_ = now_ns; }
    void count_send() { ++stats_.sends; }
    uint32_t wakes() const { return wakes_.load(std::memory_order_acquire); }
    uint32_t notifies() const { return notifies_.load(std::memory_order_acquire); }

    std::function<unsigned(uint64_t deadline_ns)> on_turn;

    const char* name() const override { return "fake"; }
    absl::Status start() override { return absl::OkStatus(); }
    absl::StatusOr<ring::ListenSocket> listen(const std::string&, uint16_t) override {
        return absl::UnimplementedError("no sockets");
    }
    void accept(ring::Submission&, int) override { assert(false); }
    void connect(ring::Submission&, const ring::SocketAddress&) override { assert(false); }
    void receive(ring::Submission&, int) override { assert(false); }
    void send(ring::Submission&, int, std::span<const iovec>) override { assert(false); }
    void cancel(ring::Submission&) override { assert(false); }
    void shutdown_send(int) override { assert(false); }
    void shutdown(int) override { assert(false); }
    void close(int) override { assert(false); }
    void detach(int) override { assert(false); }
    ring::PeerAddress peer_address(int) override { return {}; }
    void return_buffer(uint32_t) override { assert(false); }
    unsigned turn(uint64_t deadline_ns) override { return on_turn ? on_turn(deadline_ns) : 0; }
    // Release: what the sender did before is seen by who reads wakes().
    void wake(ring::Ring& other) override {
        static_cast<FakeRing&>(other).wakes_.fetch_add(1, std::memory_order_release);
    }
    void notify() override { notifies_.fetch_add(1, std::memory_order_release); }
    uint64_t wall_ns() override { return now_ns_; }
    uint64_t fresh_now_ns() override { return now_ns_; }
    void fill_random(std::span<unsigned char> out) override {
        std::fill(out.begin(), out.end(), static_cast<unsigned char>(0));
    }

  private:
    std::atomic<uint32_t> wakes_{0};
    std::atomic<uint32_t> notifies_{0};
};

}  // namespace nuring::runtime

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace nuring::ring {

// CardPoll lets the kernel fetch packets from network cards before a ring sleeps (NAPI busy poll), instead of
// waiting for the interrupt of a card. It knows which sockets get their packets from a card that can be
// polled: loopback has none.
// Threads: that of the ring.
// Limits:  Linux 6.9. On an older kernel no socket counts.
// Source:  io_uring_register_napi(3); Documentation/networking/napi.rst.
class CardPoll {
  public:
    // Once, when the ring may be used. longest_ns is the time before each sleep; 0: none.
    void start(int ring_fd, uint64_t longest_ns);
    // A connected socket begins to receive; it will be closed, or leaves the ring.
    void add(int fd);
    void remove(int fd);
    bool has_cards() const { return card_sockets_ != 0; }
    // Cheap where nothing changes.
    void set_polling(bool polls);

  private:
    int ring_fd_ = -1;
    uint32_t longest_us_ = 0;  // 0: not available
    bool polls_ = false;
    std::vector<bool> is_card_socket_;  // by descriptor
    uint32_t card_sockets_ = 0;
};

}  // namespace nuring::ring

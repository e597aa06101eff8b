// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace nuring::ring {

// CardPoll lets the kernel fetch packets from network cards before a ring sleeps (NAPI busy poll), so that
// the ring does not wait for a card's interrupt. It counts the sockets whose packets come from a card that
// can be polled: loopback has none.
// Threads:  that of the ring.
// Limits:   needs Linux 6.9; one bit of memory for each descriptor up to the highest one of a card.
// Errors:   none: where the kernel cannot poll, no socket counts.
// Lifetime: of the ring whose descriptor it has.
// Source:   io_uring_register_napi(3); Documentation/networking/napi.rst.
class CardPoll {
  public:
    // Called once, when the ring is enabled. longest_ns: how long to poll before each sleep; 0: cards are not
    // polled.
    void start(int ring_fd, uint64_t longest_ns);
    // A connected socket begins to receive, or receives again.
    void add(int fd);
    // A socket, of any kind, is about to be closed or leaves the ring.
    void remove(int fd);
    bool has_cards() const { return card_sockets_ != 0; }
    // False: the kernel looks at the cards once before each sleep, and does not stay. A system call, but only
    // where the value changes.
    void set_polling(bool polls);

  private:
    int ring_fd_ = -1;
    uint32_t longest_us_ = 0;  // 0: not wanted, or not available
    bool polls_ = false;
    std::vector<bool> is_card_socket_;  // by descriptor
    uint32_t card_sockets_ = 0;
};

}  // namespace nuring::ring

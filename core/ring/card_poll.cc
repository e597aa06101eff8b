// SPDX-License-Identifier: Apache-2.0
#include "core/ring/card_poll.h"

#include <sys/socket.h>

#include <algorithm>
#include <cassert>

#include "core/base/time_units.h"
#include "core/ring/uring_compat.h"

namespace nuring::ring {
namespace {

bool receives_from_card(int fd) {
    unsigned id = 0;
    socklen_t size = sizeof id;
    return ::getsockopt(fd, SOL_SOCKET, SO_INCOMING_NAPI_ID, &id, &size) == 0 && id != 0;
}

}  // namespace

void CardPoll::start(int ring_fd, uint64_t longest_ns) {
    assert(ring_fd_ < 0);
    ring_fd_ = ring_fd;
    if (longest_ns == 0) return;
    const uint64_t longest_us = std::clamp<uint64_t>(longest_ns / base::kMicrosecond_ns, 1, UINT32_MAX);
    // The ring learns the cards of its sockets from now on.
    if (register_napi(ring_fd, 0) == 0) longest_us_ = static_cast<uint32_t>(longest_us);
}

void CardPoll::add(int fd) {
    assert(fd >= 0);
    if (longest_us_ == 0 || !receives_from_card(fd)) return;
    const auto index = static_cast<size_t>(fd);
    if (index >= is_card_socket_.size()) is_card_socket_.resize(index + 1);
    if (is_card_socket_[index]) return;
    is_card_socket_[index] = true;
    ++card_sockets_;
}

void CardPoll::remove(int fd) {
    const auto index = static_cast<size_t>(fd);
    if (index >= is_card_socket_.size() || !is_card_socket_[index]) return;
    is_card_socket_[index] = false;
    assert(card_sockets_ != 0);
    if (--card_sockets_ == 0) set_polling(false);
}

void CardPoll::set_polling(bool polls) {
    if (polls == polls_) return;
    polls_ = polls;
    (void)register_napi(ring_fd_, polls ? longest_us_ : 0);
}

}  // namespace nuring::ring

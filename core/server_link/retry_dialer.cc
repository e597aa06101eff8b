// SPDX-License-Identifier: Apache-2.0
#include "core/server_link/retry_dialer.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace nuring::server_link {
namespace {

// More doublings reach every sensible pause_max_ns, and the shift stays in range.
constexpr int64_t kDoublingsMax = 16;

constexpr uint32_t kReconnectJitter_ns = 100'000'000;
constexpr uint64_t kReconnectExplicit_ns = 1'000'000'000;

}  // namespace

uint64_t reconnect_delay_ns(base::Prng& prng, bool is_explicit) {
    return prng.below(kReconnectJitter_ns) + (is_explicit ? kReconnectExplicit_ns : 0);
}

RetryDialer::RetryDialer(User& user, delivery::Delivery& delivery, LinkTarget first,
                         const RetryRules& rules)
    : user_(user),
      delivery_(delivery),
      target_(std::move(first)),
      rules_(rules),
      dialer_(delivery.host) {}

RetryDialer::~RetryDialer() {
    delivery_.host.timers.disarm(retry_timer_);
}

void RetryDialer::start(uint64_t delay_ns) {
    assert(attempts_ == 0);
    assert(!retry_timer_.armed());
    if (delay_ns == 0) return attempt();
    delivery_.host.timers.arm(retry_timer_, delivery_.host.ring.now_ns() + delay_ns);
}

void RetryDialer::attempt() {
    assert(!ended_);
    assert(!dialer_.is_dialing());
    std::optional<LinkTarget> next = user_.next_target(*this);
    if (!next.has_value()) {
        ended_ = true;
        return user_.on_ended(*this);
    }
    target_ = *std::move(next);
    ++attempts_;
    user_.on_attempt(*this);
    dialer_.dial(target_.host, target_.port, rules_.attempt_ns,
                 [this](absl::StatusOr<int> fd) { on_result(fd); });
}

void RetryDialer::on_result(const absl::StatusOr<int>& fd) {
    assert(!ended_);
    if (fd.ok()) {
        user_.on_connected(*this, *fd);
    } else if (user_.on_failed(*this, fd.status())) {
        return delivery_.host.timers.arm(retry_timer_, delivery_.host.ring.now_ns() + pause_ns());
    }
    ended_ = true;
    user_.on_ended(*this);
}

uint64_t RetryDialer::pause_ns() {
    uint64_t pause_ns = rules_.pause_ns;
    if (rules_.has_backoff) {
        const auto doublings = static_cast<unsigned>(std::clamp<int64_t>(attempts_ - 1, 0, kDoublingsMax));
        pause_ns = std::min(rules_.pause_ns << doublings, rules_.pause_max_ns);
    }
    return pause_ns + (rules_.jitter_ns == 0 ? 0 : delivery_.prng.below(rules_.jitter_ns));
}

}  // namespace nuring::server_link

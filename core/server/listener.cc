// SPDX-License-Identifier: Apache-2.0
#include "core/server/listener.h"
#include "core/base/errno_text.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace nuring::server {
namespace {

constexpr uint64_t kRetryMin_ns = 10'000'000;
constexpr uint64_t kRetryMax_ns = 1'000'000'000;

}  // namespace

Listener::Listener(link::LinkHost& host, int fd, std::string_view what,
                   std::function<void(int fd)> accepted)
    : host_(host),
      fd_(fd),
      what_(what),
      accepted_(std::move(accepted)),
      accept_(&accept_completed, *this) {}

Listener::~Listener() {
    host_.timers.disarm(retry_timer_);
}

void Listener::start() {
    assert(!accept_.pending);
    assert(!closed_);
    host_.ring.accept(accept_, fd_);
}

void Listener::stop() {
    if (stopping_) return;
    stopping_ = true;
    host_.timers.disarm(retry_timer_);
    if (accept_.pending) {
        host_.ring.cancel(accept_);
    } else {
        closed_ = true;
        host_.ring.close(fd_);
    }
}

void Listener::accept_completed(ring::Submission& submission, const ring::Completion& completion) {
    Listener& listener = static_cast<AcceptSubmission&>(submission).owner;
    if (completion.result >= 0 && listener.stopping_) {
        listener.host_.ring.close(completion.result);
    } else if (completion.result >= 0) {
        listener.on_accepted(completion.result);
    }
    if (!completion.more && (completion.result < 0 || listener.stopping_)) {
        listener.on_ended(-completion.result);
    }
}

void Listener::on_accepted(int fd) {
    retry_ns_ = 0;
    accepted_(fd);
}

void Listener::on_ended(int error) {
    if (stopping_) {
        if (!closed_) host_.ring.close(fd_);
        closed_ = true;
        return;
    }
    retry_ns_ = std::clamp(retry_ns_ * 2, kRetryMin_ns, kRetryMax_ns);
    host_.log.error("Temporary {} Accept Error({}), sleeping {}ms", what_, base::errno_text(error),
                    retry_ns_ / 1'000'000);
    host_.timers.arm(retry_timer_, host_.ring.now_ns() + retry_ns_);
}

}  // namespace nuring::server

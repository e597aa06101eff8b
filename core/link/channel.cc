// SPDX-License-Identifier: Apache-2.0
#include "core/link/channel.h"

#include <cassert>

#include "core/link/link.h"

namespace nuring::link {

void Channel::pass_up(char* bytes, size_t size) {
    if (above_ != nullptr) return above_->receive(bytes, size);
    link_.take(bytes, size);
}

Outbound& Channel::queued() { return link_.outbound_; }

Outbound& Channel::pending() { return above_ != nullptr ? above_->ready() : link_.outbound_; }

void Channel::took(uint64_t size) {
    if (above_ != nullptr) return above_->sent(size);
    link_.outbound_.consume(size);
}

bool Channel::is_last(const Outbound& pending, uint64_t size) const {
    assert(size <= pending.pending_bytes());
    if (link_.state_ != Link::State::kFlushing || pending.pending_bytes() != size) return false;
    return above_ == nullptr || above_->is_done();
}

bool Channel::is_lowest() const { return link_.channel_.get() == this; }

bool Channel::paused() const { return link_.paused(); }

LinkHost& Channel::host() const { return link_.host_; }

void Channel::mark_dirty() { link_.mark_dirty(); }

void Channel::ignore(size_t size) { link_.discard(size); }

void Channel::end_input(bool is_failure) {
    link_.end_input(is_failure ? CloseReason::kReadError : CloseReason::kClientClosed);
}

}  // namespace nuring::link

// SPDX-License-Identifier: Apache-2.0
#include "core/link/lent_input.h"

#include <algorithm>
#include <cassert>

namespace nuring::link {

void LentInput::begin(const ring::Completion& completion) {
    assert(buffer_ == ring::kNoBuffer);
    assert(completion.result > 0);
    buffer_ = completion.buffer;
    take_back();
    if (kept_count_ >= std::min(kKeptMax, ring_.keepable_buffers())) return;
    begin_ = completion.bytes;
    end_ = completion.bytes + completion.result;
}

void LentInput::end() {
    if (kept_ == nullptr) [[likely]]
        ring_.return_buffer(buffer_);
    kept_ = nullptr;
    buffer_ = ring::kNoBuffer;
    begin_ = end_ = nullptr;
}

SharedBody* LentInput::share() {
    assert(begin_ != nullptr);
    if (kept_ == nullptr) {
        kept_ = std::find_if(all_kept_.begin(), all_kept_.end(),
                             [](const Kept& kept) { return kept.buffer == ring::kNoBuffer; });
        assert(kept_ != all_kept_.end());
        assert(kept_->body.references.load(std::memory_order_relaxed) == 0);
        kept_->buffer = buffer_;
        ++kept_count_;
    }
    kept_->body.add_reference();
    ++shared_count_;
    return &kept_->body;
}

// Not the buffer that is being handled: more records may name it yet.
void LentInput::take_back_released() {
    for (Kept& kept : all_kept_) {
        if (kept.buffer == ring::kNoBuffer || &kept == kept_) continue;
        // acquire: pairs with SharedBody::release(); all reads of the bytes come before the return.
        if (kept.body.references.load(std::memory_order_acquire) != 0) continue;
        ring_.return_buffer(kept.buffer);
        kept.buffer = ring::kNoBuffer;
        assert(kept_count_ > 0);
        --kept_count_;
    }
}

}  // namespace nuring::link

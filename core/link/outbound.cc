// SPDX-License-Identifier: Apache-2.0
#include "core/link/outbound.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "core/base/block_copy.h"

namespace nuring::link {
void Outbound::seal_tail() {
    if (tail_ == nullptr) return;
    tail_->end = cursor_;
    closed_bytes_ += static_cast<uint64_t>(cursor_ - mark_);
    mark_ = cursor_;
}

void Outbound::open_window(size_t bytes) {
    assert(bytes > 0);
    seal_tail();
    // The first slab of a quiet link is a small one; a link that fills it is busy.
    const bool small = tail_ == nullptr && bytes <= runtime::SlabPool::kSmallBytes / 2;
    runtime::Slab* slab = small ? pool_.lend_small() : pool_.lend_large();
    assert(slab->capacity() >= bytes);
    (tail_ == nullptr ? head_ : tail_->next) = slab;
    tail_ = slab;
    cursor_ = mark_ = slab->begin;
    limit_ = slab->limit;
}

void Outbound::append(std::string_view bytes) {
    while (!bytes.empty()) {
        if (window() == 0) {
            open_window(std::min(bytes.size(), runtime::SlabPool::kLargeBytes / 2));
        }
        const size_t size = std::min(bytes.size(), window());
        std::memcpy(cursor_, bytes.data(), size);
        advance(size);
        bytes.remove_prefix(size);
    }
}

void Outbound::append_frames(std::string_view head, FrameTails tails, uint32_t count) {
    const size_t frame_size = head.size() + tails.size;
    const char* tail = tails.first;
    if (frame_size > kWholeFrameMax) {
        for (; count > 0; --count, tail += tails.stride) {
            append(head);
            append({tail, tails.size});
        }
        return;
    }
    while (count > 0) {
        if (window() < frame_size) open_window(frame_size);
        uint32_t fitting = 1;
        if (count > 1) {
            fitting = static_cast<uint32_t>(std::min<size_t>(count, window() / frame_size));
        }
        char* out = cursor_;
        for (uint32_t i = 0; i < fitting; ++i) {
            base::block_copy(out, head.data(), head.size());
            base::block_copy(out + head.size(), tail, tails.size);
            out += frame_size;
            tail += tails.stride;
        }
        advance(fitting * frame_size);
        count -= fitting;
    }
}

size_t Outbound::slab_count() const {
    size_t count = 0;
    for (const runtime::Slab* slab = head_; slab != nullptr; slab = slab->next) ++count;
    return count;
}

unsigned Outbound::gather(std::span<iovec> parts, uint64_t skipped) {
    assert(!parts.empty());
    seal_tail();
    unsigned count = 0;
    for (runtime::Slab* slab = head_; slab != nullptr && count < parts.size(); slab = slab->next) {
        const uint64_t passed = std::min<uint64_t>(skipped, slab->used());
        skipped -= passed;
        if (slab->used() == passed) continue;
        parts[count++] = {.iov_base = slab->begin + passed,
                          .iov_len = slab->used() - static_cast<size_t>(passed)};
    }
    return count;
}

void Outbound::consume(uint64_t bytes) {
    seal_tail();
    assert(bytes <= closed_bytes_);
    closed_bytes_ -= bytes;
    while (bytes > 0) {
        assert(head_ != nullptr);
        const uint64_t taken = std::min<uint64_t>(bytes, head_->used());
        head_->begin += taken;
        bytes -= taken;
        if (head_->used() != 0) break;
        if (head_ == tail_) break;
        runtime::Slab* slab = head_;
        head_ = slab->next;
        pool_.give_back(slab);
    }
    if (closed_bytes_ == 0) clear();
}

void Outbound::clear() {
    while (head_ != nullptr) {
        runtime::Slab* slab = head_;
        head_ = slab->next;
        pool_.give_back(slab);
    }
    head_ = tail_ = nullptr;
    cursor_ = limit_ = mark_ = nullptr;
    closed_bytes_ = 0;
}

void Outbound::swap(Outbound& other) {
    assert(&pool_ == &other.pool_);
    std::swap(head_, other.head_);
    std::swap(tail_, other.tail_);
    std::swap(cursor_, other.cursor_);
    std::swap(limit_, other.limit_);
    std::swap(mark_, other.mark_);
    std::swap(closed_bytes_, other.closed_bytes_);
}

}  // namespace nuring::link

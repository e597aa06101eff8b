// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <span>
#include <string_view>

#include "core/runtime/slab_pool.h"

namespace nuring::link {

// The common end of several frames: `size` bytes at `first`, and again at each `stride` after it, with a
// block of readable bytes after the last.
struct FrameTails {
    const char* first = nullptr;
    size_t size = 0;
    size_t stride = 0;
};

// Outbound holds the frames of one link that wait to leave, as a chain of slabs; an idle link holds
// none. Frames are only ever appended; what a send in flight covers is not touched.
//
//   head slab                      tail slab
//   [sent|in flight|pending] -> .. -> [pending|window]
//         ^begin       end^                    ^cursor  ^limit
//
// Threads: the link's worker. Errors: none; limits (max_pending) are the caller's.
class Outbound {
  public:
    explicit Outbound(runtime::SlabPool& pool) : pool_(pool) {}
    ~Outbound() { clear(); }
    Outbound(const Outbound&) = delete;
    Outbound& operator=(const Outbound&) = delete;

    // Bytes not yet taken by the kernel, those in flight included.
    uint64_t pending_bytes() const {
        return closed_bytes_ + (tail_ == nullptr ? 0 : static_cast<uint64_t>(cursor_ - mark_));
    }
    bool empty() const { return pending_bytes() == 0; }
    size_t slab_count() const;

    // --- appending ------------------------------------------------------------------------------
    // Contiguous room for small frames: [cursor(), cursor() + window()), with kSlabSlackBytes of
    // slack after it; advance() says how much was used.
    char* cursor() { return cursor_; }
    size_t window() const { return static_cast<size_t>(limit_ - cursor_); }
    void advance(size_t bytes) { cursor_ += bytes; }
    // Opens a new window of at least `bytes` (at most a large slab's capacity).
    void open_window(size_t bytes);
    // Any size; may be split over slabs.
    void append(std::string_view bytes);
    // Room for one frame, which the caller writes and closes with advance(); null: too large to be in one
    // piece. Shorter than to build its head apart, and to copy that.
    char* begin_frame(size_t size) {
        if (size > kWholeFrameMax) return nullptr;
        if (window() < size) open_window(size);
        return cursor_;
    }
    // `count` frames, each the head (a block of slack readable after it) and its tail.
    void append_frames(std::string_view head, FrameTails tails, uint32_t count);

    // --- sending --------------------------------------------------------------------------------
    // The oldest bytes as parts for one send, but for the first `skipped`.
    unsigned gather(std::span<iovec> parts, uint64_t skipped = 0);
    // The kernel took that many of the oldest bytes.
    void consume(uint64_t bytes);
    void clear();
    // Both are of the same pool. Bytes in flight go along.
    void swap(Outbound& other);

  private:
    // A frame above this is appended piece by piece, over several slabs.
    static constexpr size_t kWholeFrameMax = 48 * 1024;

    void seal_tail();

    runtime::SlabPool& pool_;
    runtime::Slab* head_ = nullptr;
    runtime::Slab* tail_ = nullptr;
    char* cursor_ = nullptr;  // the true end of the tail slab while it is open
    char* limit_ = nullptr;
    char* mark_ = nullptr;       // the tail's bytes before it are counted in closed_bytes_
    uint64_t closed_bytes_ = 0;  // minus what was consumed beyond; see consume()
};

}  // namespace nuring::link

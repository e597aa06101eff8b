// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/link/shared_body.h"
#include "core/ring/ring.h"

namespace nuring::link {

// LentInput is the receive buffer whose bytes a link of this worker handles now, and the earlier ones that
// records still name. A record for another worker may name a block in the buffer instead of holding a copy of
// it. The ring gets the buffer back when all records that name it have been handled. A worker that is behind
// can hold back few buffers only: when the limit is reached, blocks are copied into the mailboxes, which are
// bounded.
//
// Links with a channel (TLS, WebSocket, compression) do not use it: their messages lie elsewhere.
//
// Threads:  its worker; other workers release references (SharedBody::release()).
// Limits:   kKeptMax buffers, and Ring::keepable_buffers(). Errors: none.
// Lifetime: the ring outlives it; no record that names a buffer is handled after it.
class LentInput {
  public:
    static constexpr uint32_t kKeptMax = 16;
    explicit LentInput(ring::Ring& ring) : ring_(ring) {}
    LentInput(const LentInput&) = delete;
    LentInput& operator=(const LentInput&) = delete;

    // A link handles the bytes of that completion until end(). Nothing writes to them before the buffer is
    // back in the ring.
    void begin(const ring::Completion& completion);
    void end();
    void set_block_bytes_min(size_t bytes) { block_bytes_min_ = bytes; }  // less in the simulator
    // Gives back to the ring the buffers that no record names any more.
    void take_back() {
        if (kept_count_ != 0) take_back_released();
    }

    // May a record name this block? The answer holds until end().
    bool may_share(const char* block, size_t size) const {
        return size >= block_bytes_min_ && block >= begin_ && block < end_;
    }
    // One reference more, for a record that names a block: may_share() was true.
    SharedBody* share();
    uint64_t shared_count() const { return shared_count_; }

  private:
    struct Kept {
        SharedBody body;
        uint32_t buffer = ring::kNoBuffer;  // kNoBuffer: free
    };

    void take_back_released();

    ring::Ring& ring_;
    size_t block_bytes_min_ = 4 * 1024;  // a smaller block is cheaper to copy than to count
    const char* begin_ = nullptr;  // null: nothing may be shared
    const char* end_ = nullptr;
    uint32_t buffer_ = ring::kNoBuffer;
    Kept* kept_ = nullptr;  // of buffer_; null: no record names it
    uint32_t kept_count_ = 0;
    uint64_t shared_count_ = 0;  // references, ever
    std::array<Kept, kKeptMax> all_kept_;
};

}  // namespace nuring::link

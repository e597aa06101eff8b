// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace nuring::runtime {

// Bytes after a slab's limit that may be overwritten with rubbish, so that the data path copies in
// whole vector registers.
inline constexpr size_t kSlabSlackBytes = 64;

// Slab is a piece of send memory: bytes [begin, end) wait to be sent, [end, limit) is free.
struct Slab {
    Slab* next;
    char* begin;
    char* end;
    char* limit;

    char* memory() { return reinterpret_cast<char*>(this + 1); }
    size_t used() const { return static_cast<size_t>(end - begin); }
    size_t capacity() { return static_cast<size_t>(limit - memory()); }
};

// SlabPool lends slabs of two sizes: small ones for a link that says little (a PONG, one reply), large
// ones for a link in full flow. The last returned is lent first, for its warm cache lines.
// Threads: one worker.
// Limits:  keeps up to kKeptBytesMax of free slabs, the rest goes back to the allocator; how much is
//          lent is bounded by the links' max_pending.
// Errors:  none (out of memory ends the process, as everywhere).
class SlabPool {
  public:
    static constexpr size_t kSmallBytes = 4 * 1024;
    static constexpr size_t kLargeBytes = 64 * 1024;
    static constexpr size_t kKeptBytesMax = 32 * 1024 * 1024;

    SlabPool() = default;
    ~SlabPool();
    SlabPool(const SlabPool&) = delete;
    SlabPool& operator=(const SlabPool&) = delete;

    Slab* lend_small() { return lend(small_, kSmallBytes); }
    Slab* lend_large() { return lend(large_, kLargeBytes); }
    void give_back(Slab* slab);

    size_t lent_bytes() const { return lent_bytes_; }

  private:
    struct FreeList {
        Slab* first = nullptr;
    };

    Slab* lend(FreeList& list, size_t bytes);

    FreeList small_;
    FreeList large_;
    size_t kept_bytes_ = 0;
    size_t lent_bytes_ = 0;
};

}  // namespace nuring::runtime

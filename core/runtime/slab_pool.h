// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace nuring::runtime {

// Bytes after a slab's limit that may be overwritten with rubbish, so that the data path copies in
// whole vector registers.
inline constexpr size_t kSlabSlackBytes = 64;

struct SlabChunk;

// Slab is a piece of send memory: bytes [begin, end) wait to be sent, [end, limit) is free.
struct Slab {
    Slab* next;
    char* begin;
    char* end;
    char* limit;
    SlabChunk* chunk;  // that it was cut from; null: a small slab, allocated by itself

    char* memory() { return reinterpret_cast<char*>(this + 1); }
    size_t used() const { return static_cast<size_t>(end - begin); }
    size_t capacity() { return static_cast<size_t>(limit - memory()); }
};

// SlabPool lends slabs of two sizes: small ones for a link that says little (a PONG, one reply), large
// ones for a link in full flow. The last returned is lent first, for its warm cache lines.
//
// Large slabs are cut from chunks of one huge page each: a consumer that stops reading makes its link
// take megabytes within milliseconds, and thousands of page faults would hold the worker up.
//
//   chunk, 2 MiB   | slab 0: 64 KiB | slab 1 | ... | slab 30 | SlabChunk |
//
// Threads: one worker.
// Limits:  a chunk that has all its slabs back is returned to the system once kIdleChunksMax others
//          are idle; how much is lent is bounded by the links' max_pending.
// Errors:  none (out of memory ends the process, as everywhere).
class SlabPool {
  public:
    static constexpr size_t kSmallBytes = 4 * 1024;
    static constexpr size_t kLargeBytes = 64 * 1024;
    static constexpr size_t kSmallKeptMax = 4096;
    static constexpr size_t kIdleChunksMax = 8;

    SlabPool() = default;
    ~SlabPool();
    SlabPool(const SlabPool&) = delete;
    SlabPool& operator=(const SlabPool&) = delete;

    Slab* lend_small();
    Slab* lend_large();
    void give_back(Slab* slab);

    size_t lent_bytes() const { return lent_bytes_; }

  private:
    void add_chunk();
    void drop_chunk(SlabChunk* chunk);
    static void link_first(SlabChunk** list, SlabChunk* chunk);
    static void unlink(SlabChunk** list, SlabChunk* chunk);

    Slab* small_ = nullptr;
    size_t small_kept_ = 0;
    // Chunks with a free slab: first those in use, so that idle ones stay idle.
    SlabChunk* partial_ = nullptr;
    SlabChunk* idle_ = nullptr;
    size_t idle_count_ = 0;
    SlabChunk* full_ = nullptr;
    size_t lent_bytes_ = 0;
};

}  // namespace nuring::runtime

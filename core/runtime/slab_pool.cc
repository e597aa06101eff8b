// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/slab_pool.h"

#include <sys/mman.h>

#include <cassert>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <new>

namespace nuring::runtime {
namespace {

constexpr size_t kChunkBytes = size_t{2} << 20;
constexpr uint32_t kSlabsPerChunk =
    static_cast<uint32_t>(kChunkBytes / SlabPool::kLargeBytes) - 1;  // the last place is the chunk's

Slab* prepared(void* memory, size_t bytes, SlabChunk* chunk) {
    Slab* slab = static_cast<Slab*>(memory);
    slab->next = nullptr;
    slab->begin = slab->end = slab->memory();
    slab->limit = static_cast<char*>(memory) + bytes - kSlabSlackBytes;
    slab->chunk = chunk;
    return slab;
}

// From the system and back, and not by the heap: that keeps what it has got once many chunks are dropped.
char* map_chunk() {
    void* const mapped =
        ::mmap(nullptr, 2 * kChunkBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert(mapped != MAP_FAILED);
    char* const begin = static_cast<char*>(mapped);
    const size_t ahead = (kChunkBytes - reinterpret_cast<uintptr_t>(begin) % kChunkBytes) % kChunkBytes;
    if (ahead != 0) (void)::munmap(begin, ahead);
    (void)::munmap(begin + ahead + kChunkBytes, kChunkBytes - ahead);
    (void)::madvise(begin + ahead, kChunkBytes, MADV_HUGEPAGE);  // a wish: nothing depends on it
    return begin + ahead;
}

void unmap_chunk(char* memory) {
    (void)::munmap(memory, kChunkBytes);
}

}  // namespace

struct SlabChunk {
    char* memory;
    Slab* free;         // returned slabs
    uint32_t untouched; // slabs that were never lent: their memory is not touched yet
    uint32_t lent;
    SlabChunk* next;
    SlabChunk* previous;
};

SlabPool::~SlabPool() {
    while (small_ != nullptr) {
        Slab* slab = small_;
        small_ = slab->next;
        std::free(slab);
    }
    for (SlabChunk** list : {&partial_, &idle_, &full_}) {
        while (*list != nullptr) {
            SlabChunk* chunk = *list;
            unlink(list, chunk);
            unmap_chunk(chunk->memory);
        }
    }
}

void SlabPool::link_first(SlabChunk** list, SlabChunk* chunk) {
    chunk->previous = nullptr;
    chunk->next = *list;
    if (*list != nullptr) (*list)->previous = chunk;
    *list = chunk;
}

void SlabPool::unlink(SlabChunk** list, SlabChunk* chunk) {
    (chunk->previous == nullptr ? *list : chunk->previous->next) = chunk->next;
    if (chunk->next != nullptr) chunk->next->previous = chunk->previous;
}

void SlabPool::add_chunk() {
    char* const memory = map_chunk();
    auto* chunk = new (memory + kSlabsPerChunk * kLargeBytes) SlabChunk{};
    chunk->memory = memory;
    chunk->untouched = kSlabsPerChunk;
    link_first(&partial_, chunk);
}

void SlabPool::drop_chunk(SlabChunk* chunk) {
    unlink(&idle_, chunk);
    --idle_count_;
    unmap_chunk(chunk->memory);
}

Slab* SlabPool::lend_small() {
    lent_bytes_ += kSmallBytes;
    void* memory = small_;
    if (memory != nullptr) {
        small_ = small_->next;
        --small_kept_;
    } else {
        memory = std::malloc(kSmallBytes);
        assert(memory != nullptr);
    }
    return prepared(memory, kSmallBytes, nullptr);
}

Slab* SlabPool::lend_large() {
    lent_bytes_ += kLargeBytes;
    if (partial_ == nullptr && idle_ != nullptr) {
        SlabChunk* chunk = idle_;
        unlink(&idle_, chunk);
        --idle_count_;
        link_first(&partial_, chunk);
    }
    if (partial_ == nullptr) add_chunk();
    SlabChunk* chunk = partial_;
    void* memory = chunk->free;
    if (memory != nullptr) {
        chunk->free = chunk->free->next;
    } else {
        --chunk->untouched;
        memory = chunk->memory + chunk->untouched * kLargeBytes;
    }
    ++chunk->lent;
    if (chunk->free == nullptr && chunk->untouched == 0) {
        unlink(&partial_, chunk);
        link_first(&full_, chunk);
    }
    return prepared(memory, kLargeBytes, chunk);
}

void SlabPool::give_back(Slab* slab) {
    SlabChunk* chunk = slab->chunk;
    if (chunk == nullptr) {
        lent_bytes_ -= kSmallBytes;
        if (small_kept_ == kSmallKeptMax) return std::free(slab);
        ++small_kept_;
        slab->next = small_;
        small_ = slab;
        return;
    }
    lent_bytes_ -= kLargeBytes;
    const bool was_full = chunk->free == nullptr && chunk->untouched == 0;
    slab->next = chunk->free;
    chunk->free = slab;
    --chunk->lent;
    if (was_full) {
        unlink(&full_, chunk);
        link_first(&partial_, chunk);
    }
    if (chunk->lent != 0) return;
    // The worker's only chunk in use stays at hand.
    if (partial_ == chunk && chunk->next == nullptr) return;
    unlink(&partial_, chunk);
    link_first(&idle_, chunk);
    if (++idle_count_ > kIdleChunksMax) drop_chunk(chunk);
}

}  // namespace nuring::runtime

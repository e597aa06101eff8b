// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace nuring::link {

// SharedBody counts the records that name messages of this worker instead of holding a copy of them: on the
// heap, where they are too large for a mailbox, or in a receive buffer (lent_input.h).
// Threads:  the worker that made it adds references; any worker releases them.
// Lifetime: on the heap until the last reference is released; in a receive buffer that of LentInput.
struct SharedBody {
    std::atomic<uint32_t> references{0};
    bool is_on_heap = false;

    // Only where it is on the heap.
    char* bytes() { return reinterpret_cast<char*>(this + 1); }

    static SharedBody* create(size_t size) {
        return new (std::malloc(sizeof(SharedBody) + size)) SharedBody{1, /*is_on_heap=*/true};
    }
    void add_reference() {
        // relaxed: the worker that calls holds the bytes anyhow, so they cannot go meanwhile.
        references.fetch_add(1, std::memory_order_relaxed);
    }
    static void release(SharedBody* body) {
        const bool is_on_heap = body->is_on_heap;  // read before: a receive buffer may be used again at once
        // acq_rel: all reads of the bytes come before the free, or the return to the ring.
        if (body->references.fetch_sub(1, std::memory_order_acq_rel) == 1 && is_on_heap) std::free(body);
    }
};

}  // namespace nuring::link

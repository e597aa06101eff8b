// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/slab_pool.h"

#include <cassert>
#include <cstdlib>
#include <initializer_list>

namespace nuring::runtime {

SlabPool::~SlabPool() {
    for (FreeList* list : {&small_, &large_}) {
        while (list->first != nullptr) {
            Slab* slab = list->first;
            list->first = slab->next;
            std::free(slab);
        }
    }
}

Slab* SlabPool::lend(FreeList& list, size_t bytes) {
    Slab* slab = list.first;
    if (slab != nullptr) {
        list.first = slab->next;
        kept_bytes_ -= bytes;
    } else {
        slab = static_cast<Slab*>(std::malloc(bytes));
        assert(slab != nullptr);
    }
    lent_bytes_ += bytes;
    slab->next = nullptr;
    slab->begin = slab->end = slab->memory();
    slab->limit = reinterpret_cast<char*>(slab) + bytes - kSlabSlackBytes;
    return slab;
}

void SlabPool::give_back(Slab* slab) {
    const size_t bytes =
        static_cast<size_t>(slab->limit - reinterpret_cast<char*>(slab)) + kSlabSlackBytes;
    assert(bytes == kSmallBytes || bytes == kLargeBytes);
    lent_bytes_ -= bytes;
    if (kept_bytes_ + bytes > kKeptBytesMax) {
        std::free(slab);
        return;
    }
    kept_bytes_ += bytes;
    FreeList& list = bytes == kSmallBytes ? small_ : large_;
    slab->next = list.first;
    list.first = slab;
}

}  // namespace nuring::runtime

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "core/ring/ring.h"

namespace nuring::ring {

// ReceiveArena holds the receive buffers of one ring, each with its slack, and a stack of those that are
// free: the one that came back last is used next, since it is the most likely to be in the cache.
// Threads: the ring's. Limits: RingOptions::receive_buffer_count_max; a page is touched only when used.
// Errors:  create(), out of memory. Lifetime: outlives the ring that fills it.
class ReceiveArena {
  public:
    ReceiveArena() = default;
    ~ReceiveArena();
    ReceiveArena(const ReceiveArena&) = delete;
    ReceiveArena& operator=(const ReceiveArena&) = delete;

    absl::Status create(const RingOptions& options);

    bool empty() const { return free_.empty(); }
    uint32_t top() const { return free_.back(); }
    void pop() { free_.pop_back(); }
    void push(uint32_t buffer) {
        assert(free_.size() < count_ && buffer < count_);
        free_.push_back(buffer);
    }
    char* bytes(uint32_t buffer) const { return memory_ + stride_ * buffer; }
    uint32_t count() const { return count_; }

  private:
    char* memory_ = nullptr;
    size_t stride_ = 0;  // from one buffer to the next
    uint32_t count_ = 0;
    std::vector<uint32_t> free_;
};

}  // namespace nuring::ring

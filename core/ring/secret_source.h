// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "core/ring/ring.h"

namespace nuring::ring {

// SecretSource hands out secrets that a peer must not be able to guess, even if it has seen all others. It
// draws them from the ring's entropy, many at a time, since that is a system call.
// Threads: the ring's. Limits: kBlockSize secrets per system call. Errors: none.
class SecretSource {
  public:
    static constexpr size_t kBlockSize = 128;

    explicit SecretSource(Ring& ring) : ring_(ring) {}

    uint64_t next() {
        if (used_ == kBlockSize) {
            ring_.fill_random({reinterpret_cast<unsigned char*>(block_.data()), sizeof block_});
            used_ = 0;
        }
        return std::exchange(block_[used_++], 0);  // no copy stays behind
    }

  private:
    Ring& ring_;
    std::array<uint64_t, kBlockSize> block_{};
    size_t used_ = kBlockSize;
};

}  // namespace nuring::ring

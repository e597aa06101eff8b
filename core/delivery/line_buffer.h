// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <memory>

#include "core/base/block_copy.h"

namespace nuring::delivery {

// LineBuffer is room for a control line, or the head of one, that is written and then copied into frames: on
// the stack, unless the line is long. A block of slack follows it (base/block_copy.h).
// Threads: one. Errors: none.
class LineBuffer {
  public:
    static constexpr size_t kStackMax = 512;

    explicit LineBuffer(size_t size) {
        if (size <= kStackMax) [[likely]] return;
        heap_ = std::make_unique<char[]>(size + base::kBlockBytes);
        data_ = heap_.get();
    }
    LineBuffer(const LineBuffer&) = delete;
    LineBuffer& operator=(const LineBuffer&) = delete;

    char* data() { return data_; }

  private:
    std::array<char, kStackMax + base::kBlockBytes> stack_;
    std::unique_ptr<char[]> heap_;
    char* data_ = stack_.data();
};

}  // namespace nuring::delivery

// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/frame_block.h"

#include <cassert>
#include <cstring>

#include "core/delivery/frame_head.h"

namespace nuring::delivery {

// Frames for another sid of this run are given up.
void FrameBlock::note_sid(std::string_view sid) {
    size_ = 0;
    sid_size_ = sid.size() <= kSidMax ? sid.size() : 0;
    std::memcpy(sid_.data(), sid.data(), sid_size_);
}

void FrameBlock::build(const MessageRun& run) {
    assert(run.count <= messages_max(run));
    const std::string_view sid(sid_.data(), sid_size_);
    char* out = bytes_.data();
    char* const head = out;
    const auto head_size = static_cast<size_t>(write_head(out, sid, run) - out);
    const char* tail = run.tail;
    for (uint32_t i = 0; i < run.count; ++i, tail += run.stride) {
        if (i != 0) base::block_copy(out, head, head_size);
        base::block_copy(out + head_size, tail, run.tail_size);
        out += head_size + run.tail_size;
    }
    size_ = static_cast<size_t>(out - bytes_.data());
    assert(size_ <= kBytesMax);
}

}  // namespace nuring::delivery

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/base/block_copy.h"
#include "core/delivery/message_run.h"

namespace nuring::delivery {

// FrameBlock holds the frames of one run, as subscribers with one sid get them. Where a subject has many
// subscribers most of them share their sid, since clients number theirs from 1 on: the frames are built for
// the second of them in a row, and copied to all others.
//
// A delivery may cause another one, which begins a run of its own; the former goes on without shared frames.
//
// Threads: one worker.
// Limits:  kBytesMax of frames; the caller cuts runs to that (messages_max()). A sid above kSidMax bytes
//          shares nothing.
// Errors:  none.
class FrameBlock {
  public:
    static constexpr size_t kBytesMax = 16 * 1024;
    static constexpr size_t kSidMax = 24;

    // So many messages of the run fit, whatever the sid.
    static uint32_t messages_max(const MessageRun& run) {
        const size_t frame_size = sizeof("HMSG  ") - 1 + run.subject.size() + kSidMax + run.tail_size;
        return static_cast<uint32_t>(kBytesMax / frame_size);
    }

    // Numbers the run, whose texts stay where they are until it is delivered.
    void begin_run(MessageRun* run) {
        sid_size_ = 0;
        size_ = 0;
        subject_ = run->subject;
        tail_ = run->tail;
        run->block = ++number_;
    }
    // The frames of that run, all of one size, for that sid; empty: the caller builds them.
    std::string_view frames_for(const MessageRun& run, std::string_view sid) {
        // A copy of the run may have another subject.
        if (run.block != number_ || run.tail != tail_ || run.subject.data() != subject_.data() ||
            run.subject.size() != subject_.size()) {
            return {};
        }
        if (sid != std::string_view(sid_.data(), sid_size_)) {
            note_sid(sid);
            return {};
        }
        if (size_ == 0) build(run);
        return {bytes_.data(), size_};
    }

  private:
    void note_sid(std::string_view sid);
    void build(const MessageRun& run);

    uint64_t number_ = 0;
    std::string_view subject_;
    const char* tail_ = nullptr;
    size_t sid_size_ = 0;  // 0: of nobody
    std::array<char, kSidMax> sid_{};
    size_t size_ = 0;  // 0: not built
    std::array<char, kBytesMax + base::kBlockBytes> bytes_;
};

}  // namespace nuring::delivery

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/log/line.h"

namespace nuring::log {

// LineRing carries formatted lines from one writing thread to the flusher, in order.
//
//   record, 16-byte aligned:
//   +--------------------+-----------------+-------+----------------+---------------------+
//   | time_ns (8 bytes)  | text_bytes (4)  | level | 3 bytes unused | text, padded to 16  |
//   +--------------------+-----------------+-------+----------------+---------------------+
//
// The text may wrap around the end; the head cannot.
// Threads: push() on the owning thread only, drain() on the flushing thread only.
// Limits:  the capacity given, a power of two; its pages are touched only as lines come.
// Errors:  push() returns false when the line does not fit; it never waits.
// Source:  ours.
class LineRing {
  public:
    static constexpr size_t kRecordAlignment = 16;

    explicit LineRing(size_t capacity_bytes)
        : capacity_(capacity_bytes),
          bytes_(std::make_unique_for_overwrite<char[]>(capacity_bytes)) {
        assert(capacity_bytes >= 2 * kLineBytesMax);
        assert((capacity_bytes & (capacity_bytes - 1)) == 0);
    }

    size_t capacity() const { return capacity_; }

    // Takes the line if that leaves at least spare_bytes free.
    bool push(const Line& line, size_t spare_bytes) {
        const size_t need = record_bytes(line.text.size());
        // Relaxed: only this thread stores head_.
        const uint64_t head = head_.load(std::memory_order_relaxed);
        if (capacity_ - (head - tail_seen_) < need + spare_bytes) {
            // Acquire: pairs with the release in drain(); the bytes are free to overwrite.
            tail_seen_ = tail_.load(std::memory_order_acquire);
            if (capacity_ - (head - tail_seen_) < need + spare_bytes) return false;
        }
        const Head record = {line.time_ns, static_cast<uint32_t>(line.text.size()), line.level, {}};
        std::memcpy(bytes_.get() + offset(head), &record, sizeof record);
        copy_in(head + sizeof record, line.text);
        // Release: pairs with the acquire in drain(); the record is complete.
        head_.store(head + need, std::memory_order_release);
        return true;
    }

    // Bytes that wait for drain(). Any thread.
    size_t waiting_bytes() const {
        // Acquire: a head that is read later is not behind this tail.
        const uint64_t tail = tail_.load(std::memory_order_acquire);
        return head_.load(std::memory_order_relaxed) - tail;
    }

    // A line taken out: text_offset points into the string given to drain().
    struct Drained {
        uint64_t time_ns;
        size_t text_offset;
        uint32_t text_bytes;
        Level level;
    };

    // Moves every line to the back of lines and its text to the back of texts.
    void drain(std::vector<Drained>& lines, std::string& texts) {
        const uint64_t head = head_.load(std::memory_order_acquire);
        uint64_t tail = tail_.load(std::memory_order_relaxed);
        while (tail != head) {
            Head record;
            std::memcpy(&record, bytes_.get() + offset(tail), sizeof record);
            lines.push_back({record.time_ns, texts.size(), record.text_bytes, record.level});
            copy_out(tail + sizeof record, record.text_bytes, texts);
            tail += record_bytes(record.text_bytes);
        }
        tail_.store(tail, std::memory_order_release);
    }

  private:
    struct Head {
        uint64_t time_ns;
        uint32_t text_bytes;
        Level level;
        uint8_t unused[3];
    };
    static_assert(sizeof(Head) == kRecordAlignment);

    static size_t record_bytes(size_t text_bytes) {
        return sizeof(Head) +
               (text_bytes + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment;
    }
    size_t offset(uint64_t position) const { return position & (capacity_ - 1); }

    void copy_in(uint64_t position, std::string_view text) {
        const size_t at = offset(position);
        const size_t first = std::min(text.size(), capacity_ - at);
        std::memcpy(bytes_.get() + at, text.data(), first);
        std::memcpy(bytes_.get(), text.data() + first, text.size() - first);
    }
    void copy_out(uint64_t position, size_t size, std::string& out) const {
        const size_t at = offset(position);
        const size_t first = std::min(size, capacity_ - at);
        out.append(bytes_.get() + at, first);
        out.append(bytes_.get(), size - first);
    }

    const size_t capacity_;
    const std::unique_ptr<char[]> bytes_;
    // Positions only grow; a position modulo the capacity is an offset. Apart, against false
    // sharing.
    alignas(64) std::atomic<uint64_t> head_ = 0;
    uint64_t tail_seen_ = 0;  // the pusher's last reading of tail_
    alignas(64) std::atomic<uint64_t> tail_ = 0;
};

}  // namespace nuring::log

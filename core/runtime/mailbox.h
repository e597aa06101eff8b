// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>

namespace nuring::runtime {

// The head of a record in a mailbox. Its kind decides what follows (delivery/records.h). Sizes are rounded up
// to kRecordAlignment.
//
//   +-----------+-----------+------------------------------+
//   | size (4)  | kind (4)  |  body: size - 8 bytes        |
//   +-----------+-----------+------------------------------+
struct RecordHeader {
    uint32_t size;  // whole record, header included
    uint32_t kind;  // 0 = padding up to the end of the ring
};

inline constexpr size_t kRecordAlignment = 16;
inline constexpr size_t kCacheLineBytes = 64;

// Bytes after every record that may be read (never interpreted), also at the end of the ring.
inline constexpr size_t kRecordSlackBytes = 64;

// Mailbox carries records of any size from one worker to one other worker, in order: a ring of bytes.
// Threads: reserve(), commit(), publish() on the sending worker; next(), take(), release() on the
//          receiving one.
// Limits:  capacity bytes (a power of two); a record is at most capacity / 4, so that an empty mailbox
//          takes any record. One that holds more than full_from_bytes takes none. A receiver that cannot
//          keep up throttles it: then has_room() is false from fewer bytes on, but reserve() is as before.
//          Nothing here allocates or waits after construction.
// Errors:  reserve() returns null when there is no room; the sender pauses what feeds the mailbox
//          (delivery/outlets.h) and asks to be woken when it drains.
// Source:  ours; the classic single-producer single-consumer ring with cached far indices.
class Mailbox {
  public:
    explicit Mailbox(size_t capacity_bytes, size_t full_from_bytes = SIZE_MAX)
        : capacity_(capacity_bytes),
          spare_bytes_(capacity_ - std::min(capacity_, full_from_bytes)),
          wanted_spare_bytes_(spare_bytes_),
          bytes_(new (std::align_val_t{kCacheLineBytes}) char[capacity_ + kRecordSlackBytes]) {
        assert((capacity_ & (capacity_ - 1)) == 0);
        assert(capacity_ >= 4 * kCacheLineBytes);
    }
    Mailbox(const Mailbox&) = delete;
    Mailbox& operator=(const Mailbox&) = delete;

    size_t capacity() const { return capacity_; }
    size_t record_size_max() const { return capacity_ / 4; }

    // --- sender ---------------------------------------------------------------------------------
    // Room for a record of that size even at the worst place of the ring, without reserving it.
    bool has_room(size_t size) {
        // A record and the padding that it may force.
        const size_t spare = wanted_spare_bytes_.load(std::memory_order_relaxed);  // a hint of the receiver
        const size_t wanted = std::max(rounded(size) * 2, spare);
        if (capacity_ - (write_ - known_head_) >= wanted) return true;
        // Sequentially consistent for Mesh::wait_for_room(): ordered after its store.
        known_head_ = head_.load(std::memory_order_seq_cst);  // pairs with release()
        return capacity_ - (write_ - known_head_) >= wanted;
    }

    bool is_throttled() const {
        return wanted_spare_bytes_.load(std::memory_order_relaxed) != spare_bytes_;
    }

    // Bytes of records, published or not, that the receiver has not released (a fresh look).
    size_t unconsumed_bytes() {
        known_head_ = head_.load(std::memory_order_acquire);
        return write_ - known_head_;
    }

    // Behind the last committed record. Later: did the receiver release all before it? (A fresh look.)
    size_t position() const { return write_; }
    bool is_released(size_t position) {
        if (known_head_ >= position) return true;
        // Sequentially consistent for Mesh::wait_for_release(): ordered after its store.
        known_head_ = head_.load(std::memory_order_seq_cst);  // pairs with release()
        return known_head_ >= position;
    }

    // The next record, contiguous and aligned; null when the mailbox is full.
    RecordHeader* reserve(size_t size, uint32_t kind) {
        size = rounded(size);
        assert(size <= record_size_max());
        const size_t offset = write_ & (capacity_ - 1);
        const size_t to_end = capacity_ - offset;
        const size_t padding = to_end < size ? to_end : 0;
        const size_t wanted = std::max(size + padding, spare_bytes_);
        if (capacity_ - (write_ - known_head_) < wanted) {
            known_head_ = head_.load(std::memory_order_acquire);  // pairs with release()
            if (capacity_ - (write_ - known_head_) < wanted) return nullptr;
        }
        if (padding != 0) {
            *header_at(offset) = {.size = static_cast<uint32_t>(padding), .kind = 0};
            write_ += padding;
        }
        RecordHeader* header = header_at(write_ & (capacity_ - 1));
        *header = {.size = static_cast<uint32_t>(size), .kind = kind};
        return header;
    }
    void commit(const RecordHeader* header) { write_ += header->size; }

    bool unpublished() const { return write_ != published_; }
    // Shows all committed records to the receiver. Sequentially consistent, so that the sender's next
    // look at the receiver's sleeping flag cannot pass it (Mesh has the other half).
    void publish() {
        published_ = write_;
        tail_.store(write_, std::memory_order_seq_cst);  // pairs with next() and Mesh::park()
    }

    // --- receiver -------------------------------------------------------------------------------
    // The oldest record, or null. It stays valid until release().
    const RecordHeader* next() {
        for (;;) {
            if (read_ == known_tail_) {
                known_tail_ = tail_.load(std::memory_order_acquire);  // pairs with publish()
                if (read_ == known_tail_) return nullptr;
            }
            const RecordHeader* header = header_at(read_ & (capacity_ - 1));
            if (header->kind != 0) return header;
            read_ += header->size;
        }
    }
    void consume(const RecordHeader* header) { read_ += header->size; }
    // Consumes as many of the oldest records as `batch` has places for; returns how many. They stay valid
    // until release().
    size_t take(std::span<const RecordHeader*> batch) {
        size_t count = 0;
        while (count < batch.size()) {
            const RecordHeader* header = next();
            if (header == nullptr) break;
            consume(header);
            batch[count++] = header;
        }
        return count;
    }
    // Gives the room of all consumed records back to the sender.
    bool release() {
        if (released_ == read_) return false;
        released_ = read_;
        head_.store(read_, std::memory_order_seq_cst);  // pairs with reserve(), and Mesh::wait_for_room()
        return true;
    }
    // has_room() is false from now on while the mailbox holds more than that. The sender may miss it once.
    void throttle(size_t full_from_bytes) {
        const size_t spare = capacity_ - std::min(capacity_, full_from_bytes);
        wanted_spare_bytes_.store(std::max(spare, spare_bytes_), std::memory_order_relaxed);
    }
    void end_throttle() { wanted_spare_bytes_.store(spare_bytes_, std::memory_order_relaxed); }
    // Published records that were not consumed yet, as the receiver sees it (a fresh look).
    bool empty_now() const { return tail_.load(std::memory_order_seq_cst) == read_; }
    // Bytes waiting, as either side may ask for statistics.
    size_t depth_bytes() const {
        return tail_.load(std::memory_order_relaxed) - head_.load(std::memory_order_relaxed);
    }

  private:
    static size_t rounded(size_t size) {
        return (size + kRecordAlignment - 1) & ~(kRecordAlignment - 1);
    }
    RecordHeader* header_at(size_t offset) const {
        return reinterpret_cast<RecordHeader*>(bytes_.get() + offset);
    }

    struct AlignedDelete {
        void operator()(char* bytes) const {
            ::operator delete[](bytes, std::align_val_t{kCacheLineBytes});
        }
    };

    const size_t capacity_;
    const size_t spare_bytes_;  // free when it takes a record
    std::atomic<size_t> wanted_spare_bytes_;  // free when it has room; set by the receiver, seldom
    const std::unique_ptr<char[], AlignedDelete> bytes_;

    // Sender's line.
    alignas(kCacheLineBytes) size_t write_ = 0;
    size_t published_ = 0;
    size_t known_head_ = 0;
    // Receiver's line.
    alignas(kCacheLineBytes) size_t read_ = 0;
    size_t released_ = 0;
    size_t known_tail_ = 0;
    // Shared lines, one writer each.
    alignas(kCacheLineBytes) std::atomic<size_t> tail_{0};
    alignas(kCacheLineBytes) std::atomic<size_t> head_{0};
};

}  // namespace nuring::runtime

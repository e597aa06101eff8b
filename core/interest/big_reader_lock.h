// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cassert>
#include <cstdint>
#include <memory>
#include <thread>

#include "core/base/ids.h"

namespace nuring::interest {

class BigReaderLock;

// Spins shortly, then gives the processor away: the holder may be a worker that was preempted.
class Backoff {
  public:
    void wait() {
        if (++rounds_ < kSpinsMax) {
#if defined(__x86_64__) || defined(__i386__)
            __builtin_ia32_pause();
#elif defined(__aarch64__)
            asm volatile("yield");
#endif
            return;
        }
        std::this_thread::yield();
    }

  private:
    static constexpr uint32_t kSpinsMax = 128;
    uint32_t rounds_ = 0;
};

// ReaderSlots holds one cache line per worker that says which lock of a group the worker reads under
// just now. All locks of the group share the slots: a worker reads under one lock at a time.
// Threads: slot i is written by worker i alone and read by writers.
class ReaderSlots {
  public:
    explicit ReaderSlots(uint32_t worker_count)
        : count_(worker_count), slots_(std::make_unique<Slot[]>(worker_count)) {
        assert(worker_count > 0);
    }

    uint32_t worker_count() const { return count_; }

    // A counter in the worker's own line, for figures that are counted per read section.
    void count_read(base::WorkerId self) {
        std::atomic<uint64_t>& reads = slots_[base::index_of(self)].reads;
        reads.store(reads.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    uint64_t reads() const {
        uint64_t sum = 0;
        for (uint32_t i = 0; i < count_; ++i) sum += slots_[i].reads.load(std::memory_order_relaxed);
        return sum;
    }

  private:
    friend class BigReaderLock;

    struct alignas(64) Slot {
        std::atomic<const BigReaderLock*> reading{nullptr};
        std::atomic<uint64_t> reads{0};
    };

    const uint32_t count_;
    const std::unique_ptr<Slot[]> slots_;
};

// BigReaderLock lets workers read at the price of one exchange on a line of their own, however many
// read; a writer pays by looking at every worker's slot. Writers are rare and short (one SUB).
//
// Why it excludes: a reader stores its slot, then loads `writer_`; a writer sets `writer_`, then loads
// the slots. All four are seq_cst, so in their single order either the reader sees the writer and
// withdraws, or the writer sees the reader and waits. Leaving stores with release are read by the
// acquire side of those loads, which hands over what was read or written inside.
//
// Threads: lock_shared() and unlock_shared() by worker `self` only, not nested within one ReaderSlots;
//          lock() and unlock() by any thread that holds no lock of the group.
// Limits:  ReaderSlots::worker_count() readers. A writer goes before readers that come after it.
// Errors:  none. Source: ours, after the "big reader" locks of older Linux kernels.
class BigReaderLock {
  public:
    void lock_shared(ReaderSlots& slots, base::WorkerId self) const {
        assert(base::index_of(self) < slots.count_);
        std::atomic<const BigReaderLock*>& slot = slots.slots_[base::index_of(self)].reading;
        for (;;) {
            slot.store(this, std::memory_order_seq_cst);
            if (!writer_.load(std::memory_order_seq_cst)) return;
            slot.store(nullptr, std::memory_order_release);
            Backoff backoff;
            while (writer_.load(std::memory_order_relaxed)) backoff.wait();
        }
    }

    void unlock_shared(ReaderSlots& slots, base::WorkerId self) const {
        slots.slots_[base::index_of(self)].reading.store(nullptr, std::memory_order_release);
    }

    void lock(const ReaderSlots& slots) {
        Backoff backoff;
        while (writer_.exchange(true, std::memory_order_seq_cst)) {
            while (writer_.load(std::memory_order_relaxed)) backoff.wait();
        }
        for (uint32_t i = 0; i < slots.count_; ++i) {
            const std::atomic<const BigReaderLock*>& slot = slots.slots_[i].reading;
            Backoff reader;
            while (slot.load(std::memory_order_seq_cst) == this) reader.wait();
        }
    }

    void unlock() { writer_.store(false, std::memory_order_release); }

  private:
    std::atomic<bool> writer_{false};
};

// ReadGuard holds a lock for reading during its life; on the worker `self` only.
class ReadGuard {
  public:
    ReadGuard(const BigReaderLock& lock, ReaderSlots& slots, base::WorkerId self)
        : lock_(lock), slots_(slots), self_(self) {
        lock_.lock_shared(slots_, self_);
    }
    ~ReadGuard() { lock_.unlock_shared(slots_, self_); }
    ReadGuard(const ReadGuard&) = delete;
    ReadGuard& operator=(const ReadGuard&) = delete;

  private:
    const BigReaderLock& lock_;
    ReaderSlots& slots_;
    const base::WorkerId self_;
};

// WriteGuard holds a lock for writing during its life.
class WriteGuard {
  public:
    WriteGuard(BigReaderLock& lock, const ReaderSlots& slots) : lock_(lock) { lock_.lock(slots); }
    ~WriteGuard() { lock_.unlock(); }
    WriteGuard(const WriteGuard&) = delete;
    WriteGuard& operator=(const WriteGuard&) = delete;

  private:
    BigReaderLock& lock_;
};

}  // namespace nuring::interest

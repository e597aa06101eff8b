// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

namespace nuring::interest {

// IdTable finds small numbers (of tokens, of nodes) by the hash of a key that is kept elsewhere.
// A slot holds the hash beside the number, so that growth and removal touch the table alone, front to
// back: a million entries grow in milliseconds while their shard is locked.
//
//   slot | hash: 32 bits | id: 32 bits |     0 = free, thus id is never 0
//
// Threads: one owner. Limits: 2^31 entries; load 3/32 to 3/4, one slot of 8 bytes at least 10.7 bytes
//          per entry. Errors: none.
// Source:  ours (linear probing, removal by shifting back).
class IdTable {
  public:
    IdTable() = default;
    IdTable(IdTable&& other) noexcept { *this = std::move(other); }
    IdTable& operator=(IdTable&& other) noexcept {
        slots_ = std::move(other.slots_);
        mask_ = std::exchange(other.mask_, 0);
        count_ = std::exchange(other.count_, 0);
        return *this;
    }

    // The id with this hash of which is_key(id) says that it is meant; 0 if there is none.
    template <typename IsKey>
    uint32_t find(uint32_t hash, IsKey&& is_key) const {
        if (count_ == 0) return 0;
        for (uint32_t i = hash & mask_; slots_[i] != 0; i = (i + 1) & mask_) {
            const auto id = static_cast<uint32_t>(slots_[i]);
            if (hash_in(slots_[i]) == hash && is_key(id)) return id;
        }
        return 0;
    }

    // The id must not be in the table yet.
    void insert(uint32_t hash, uint32_t id) {
        if ((uint64_t{count_} + 1) * 4 > slot_count() * 3) rehash(slot_count() * 2);
        put(uint64_t{hash} << 32 | id);
        ++count_;
    }

    // The id must be in the table.
    void erase(uint32_t hash, uint32_t id) {
        uint32_t hole = hash & mask_;
        while (slots_[hole] != (uint64_t{hash} << 32 | id)) hole = (hole + 1) & mask_;
        // Backward-shift deletion: an entry that the hole would cut off from its home moves in.
        for (uint32_t i = (hole + 1) & mask_; slots_[i] != 0; i = (i + 1) & mask_) {
            const uint32_t home = hash_in(slots_[i]) & mask_;
            if (((i - home) & mask_) < ((i - hole) & mask_)) continue;
            slots_[hole] = slots_[i];
            hole = i;
        }
        slots_[hole] = 0;
        --count_;
        if (slot_count() > kSlotsMin && uint64_t{count_} * 32 < slot_count() * 3) {
            rehash(slot_count() / 4);
        }
    }

    uint32_t size() const { return count_; }
    size_t heap_bytes() const { return slots_ == nullptr ? 0 : slot_count() * sizeof(uint64_t); }

  private:
    static constexpr uint64_t kSlotsMin = 8;

    static uint32_t hash_in(uint64_t slot) { return static_cast<uint32_t>(slot >> 32); }
    uint64_t slot_count() const { return slots_ == nullptr ? 0 : uint64_t{mask_} + 1; }

    void put(uint64_t slot) {
        uint32_t i = hash_in(slot) & mask_;
        while (slots_[i] != 0) i = (i + 1) & mask_;
        slots_[i] = slot;
    }
    void rehash(uint64_t slot_count_wanted) {
        const uint64_t old_count = slot_count();
        const std::unique_ptr<uint64_t[]> old = std::move(slots_);
        const uint64_t fresh_count = slot_count_wanted < kSlotsMin ? kSlotsMin : slot_count_wanted;
        slots_ = std::make_unique<uint64_t[]>(fresh_count);
        mask_ = static_cast<uint32_t>(fresh_count - 1);
        for (uint64_t i = 0; i < old_count; ++i) {
            if (old[i] != 0) put(old[i]);
        }
    }

    std::unique_ptr<uint64_t[]> slots_;
    uint32_t mask_ = 0;
    uint32_t count_ = 0;
};

}  // namespace nuring::interest

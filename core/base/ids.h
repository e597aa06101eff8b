// SPDX-License-Identifier: Apache-2.0
// Identities that cross workers: a worker's number and the handle of a link.
#pragma once

#include <cstdint>
#include <functional>

namespace nuring::base {

// WorkerId names one worker; workers are numbered from 0 without gaps.
enum class WorkerId : uint16_t {};

inline constexpr uint32_t index_of(WorkerId id) { return static_cast<uint32_t>(id); }

// LinkHandle names a link from any thread without keeping it alive. Only the owning worker resolves
// it, by comparing the generation with that of the slot; a stale handle is ignored.
//
//   63        48 47            24 23             0
//   +-----------+----------------+---------------+
//   |  worker   |      slot      |  generation   |
//   +-----------+----------------+---------------+
//
// Generation 0 is never given to a slot, so an all-zero handle names nothing.
class LinkHandle {
  public:
    static constexpr uint32_t kSlotMax = (1U << 24) - 1;
    static constexpr uint32_t kGenerationMax = (1U << 24) - 1;

    constexpr LinkHandle() = default;
    constexpr LinkHandle(WorkerId worker, uint32_t slot, uint32_t generation)
        : bits_(uint64_t{index_of(worker)} << 48 | uint64_t{slot & kSlotMax} << 24 |
                (generation & kGenerationMax)) {}

    static constexpr LinkHandle from_bits(uint64_t bits) {
        LinkHandle handle;
        handle.bits_ = bits;
        return handle;
    }

    constexpr WorkerId worker() const { return static_cast<WorkerId>(bits_ >> 48); }
    constexpr uint32_t slot() const { return static_cast<uint32_t>(bits_ >> 24) & kSlotMax; }
    constexpr uint32_t generation() const { return static_cast<uint32_t>(bits_) & kGenerationMax; }
    constexpr bool valid() const { return generation() != 0; }
    constexpr uint64_t bits() const { return bits_; }

    friend constexpr bool operator==(LinkHandle, LinkHandle) = default;

  private:
    uint64_t bits_ = 0;
};

static_assert(sizeof(LinkHandle) == 8);

}  // namespace nuring::base

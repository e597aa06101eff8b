// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cassert>
#include <vector>

#include "core/base/ids.h"

namespace nuring::link {

class Link;

// LinkTable gives the links of one worker their handles and finds them again.
// Threads: one worker. Limits: LinkHandle::kSlotMax links.
// Errors:  find() of a stale handle is null. Slots are reused first in, first out, so that a
//          generation comes back as late as can be.
class LinkTable {
  public:
    explicit LinkTable(base::WorkerId worker) : worker_(worker) {}

    base::LinkHandle add(Link* link) {
        assert(link != nullptr);
        const base::LinkHandle handle = reserve();
        slots_[handle.slot()].link = link;
        return handle;
    }
    // The handle of a link that is yet to come; find() does not find it before put(). It counts already.
    base::LinkHandle reserve() {
        uint32_t slot = 0;
        if (first_free_ < free_.size()) {
            slot = free_[first_free_++];
            if (first_free_ > 1024 && first_free_ * 2 > free_.size()) {
                free_.erase(free_.begin(), free_.begin() + static_cast<std::ptrdiff_t>(first_free_));
                first_free_ = 0;
            }
        } else {
            slot = static_cast<uint32_t>(slots_.size());
            slots_.push_back({});
        }
        Slot& place = slots_[slot];
        place.generation = place.generation % base::LinkHandle::kGenerationMax + 1;
        ++count_;
        return base::LinkHandle(worker_, slot, place.generation);
    }
    base::LinkHandle put(base::LinkHandle reserved, Link* link) {
        assert(link != nullptr);
        assert(slots_[reserved.slot()].generation == reserved.generation());
        assert(slots_[reserved.slot()].link == nullptr);
        slots_[reserved.slot()].link = link;
        return reserved;
    }
    // Of a link, or one that was reserved.
    void remove(base::LinkHandle handle) {
        assert(handle.worker() == worker_);
        assert(slots_[handle.slot()].generation == handle.generation());
        assert(count_ > 0);
        slots_[handle.slot()].link = nullptr;
        free_.push_back(handle.slot());
        --count_;
    }
    Link* find(base::LinkHandle handle) const {
        if (handle.worker() != worker_ || handle.slot() >= slots_.size()) return nullptr;
        const Slot& place = slots_[handle.slot()];
        return place.generation == handle.generation() ? place.link : nullptr;
    }
    size_t count() const { return count_; }

    // For walks in portions: links keep their slot while they live.
    size_t slot_count() const { return slots_.size(); }
    Link* at(size_t slot) const { return slots_[slot].link; }

    template <class Function>
    void for_each(Function&& function) const {
        for (const Slot& place : slots_) {
            if (place.link != nullptr) function(*place.link);
        }
    }

  private:
    struct Slot {
        Link* link = nullptr;
        uint32_t generation = 0;
    };

    const base::WorkerId worker_;
    std::vector<Slot> slots_;
    std::vector<uint32_t> free_;
    size_t first_free_ = 0;
    size_t count_ = 0;
};

}  // namespace nuring::link

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/interest/subscription.h"

namespace nuring::interest {

// SubscriptionPool is where a worker's subscriptions live. The general allocator would add 16 bytes to
// each, grow its heap of a thread one small page at a time, and spread a million of them over small
// pages, so that each delivery at random misses the translation buffer too.
//
// A page of kPageSize holds subscriptions of one size (a class per 8 bytes). The first pages come one
// by one; a worker with more than kSinglePages takes blocks, for which it wishes huge pages. A page
// without subscriptions serves any class; a block without pages in use goes back to the system.
//
//   block | page | page | ...        page | head: class, live, free list | item | item | ...
//
// Threads: one worker, which also destroys what it has created.
// Limits:  memory. Subscriptions above kItemSizeMax bytes come from the general allocator.
// Errors:  none (texts that are too long: as Subscription::create()).
// Lifetime: all subscriptions are destroyed before the pool.
// Source:  ours.
class SubscriptionPool {
  public:
    SubscriptionPool();
    ~SubscriptionPool();
    SubscriptionPool(const SubscriptionPool&) = delete;
    SubscriptionPool& operator=(const SubscriptionPool&) = delete;

    [[nodiscard]] Subscription* create(const SubscriptionSpec& spec);
    void destroy(Subscription* subscription);

    // Memory taken from the system for pages.
    size_t reserved_bytes() const { return page_count_ * kPageSize; }

  private:
    static constexpr size_t kPageSize = 64 * 1024;
    static constexpr size_t kBlockSize = size_t{2} << 20;
    static constexpr size_t kBlockPages = kBlockSize / kPageSize;
    static constexpr size_t kSinglePages = 16;
    static constexpr size_t kStep = 8;
    static constexpr size_t kItemSizeMax = 1024;
    static constexpr size_t kClasses = kItemSizeMax / kStep + 1;

    struct Block {
        char* memory;
        uint32_t free_pages;  // a bit per page
    };
    struct Page;
    struct FreeItem {
        FreeItem* next;
    };

    static size_t class_of(size_t size) { return (size + kStep - 1) / kStep; }
    static Page* page_of(void* item);

    Page* take_page(size_t size_class);
    void give_back(Page* page);
    void link(Page* page);
    void unlink(Page* page);
    char* page_memory(Block** block);

    // Pages of each class that have room; the first is used first.
    std::array<Page*, kClasses> with_room_{};
    std::vector<std::unique_ptr<Block>> blocks_;
    size_t page_count_ = 0;
    size_t single_count_ = 0;
};

}  // namespace nuring::interest

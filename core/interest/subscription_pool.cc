// SPDX-License-Identifier: Apache-2.0
#include "core/interest/subscription_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstdlib>

// Under the address sanitizer each subscription is an allocation of its own, so that it finds a
// use after the end.
#if defined(__SANITIZE_ADDRESS__)
#define NURING_PLAIN_SUBSCRIPTIONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NURING_PLAIN_SUBSCRIPTIONS 1
#endif
#endif
#ifndef NURING_PLAIN_SUBSCRIPTIONS
#define NURING_PLAIN_SUBSCRIPTIONS 0
#endif

namespace nuring::interest {

// The head of a page; items follow it.
struct alignas(64) SubscriptionPool::Page {
    Block* block;  // null: a page by itself
    FreeItem* free;
    char* fresh;  // items from here on were never used
    Page* next;   // in the list of its class, while it has room
    Page* previous;
    uint32_t live;
    uint32_t size_class;
    bool listed;

    size_t item_size() const { return size_class * kStep; }
    char* end() { return reinterpret_cast<char*>(this) + kPageSize; }
    bool has_room() { return free != nullptr || fresh + item_size() <= end(); }
};

SubscriptionPool::SubscriptionPool() = default;

// Subscriptions are gone, and with the last of each went its page, or it is listed.
SubscriptionPool::~SubscriptionPool() {
    for (Page* page : with_room_) {
        while (page != nullptr) {
            Page* const next = page->next;
            if (page->block == nullptr) std::free(page);
            page = next;
        }
    }
    for (const std::unique_ptr<Block>& block : blocks_) std::free(block->memory);
}

Subscription* SubscriptionPool::create(const SubscriptionSpec& spec) {
    const size_t size = Subscription::size_for(spec);
    if (NURING_PLAIN_SUBSCRIPTIONS || size > kItemSizeMax) return Subscription::create(spec);
    if (!Subscription::fits(spec)) return nullptr;
    const size_t size_class = class_of(size);
    Page* page = with_room_[size_class];
    if (page == nullptr) page = take_page(size_class);
    void* item = page->free;
    if (item != nullptr) {
        page->free = page->free->next;
    } else {
        item = page->fresh;
        page->fresh += page->item_size();
    }
    ++page->live;
    if (!page->has_room()) unlink(page);
    return Subscription::create_in(item, spec);
}

void SubscriptionPool::destroy(Subscription* subscription) {
    if (subscription == nullptr) return;
    if (NURING_PLAIN_SUBSCRIPTIONS || subscription->size_bytes() > kItemSizeMax) {
        return Subscription::destroy(subscription);
    }
    Page* const page = page_of(subscription);
    assert(page->size_class == class_of(subscription->size_bytes()));
    assert(page->live > 0);
    auto* item = reinterpret_cast<FreeItem*>(subscription);
    item->next = page->free;
    page->free = item;
    if (--page->live == 0) return give_back(page);
    if (!page->listed) link(page);
}

SubscriptionPool::Page* SubscriptionPool::page_of(void* item) {
    return reinterpret_cast<Page*>(reinterpret_cast<uintptr_t>(item) & ~(kPageSize - 1));
}

SubscriptionPool::Page* SubscriptionPool::take_page(size_t size_class) {
    Block* block = nullptr;
    char* const memory = page_memory(&block);
    auto* page = new (memory) Page{};
    page->block = block;
    page->fresh = memory + sizeof(Page);
    page->size_class = static_cast<uint32_t>(size_class);
    link(page);
    return page;
}

// The only page of a class that has room stays: SUB and UNSUB in turn should not take and give back a
// page each time.
void SubscriptionPool::give_back(Page* page) {
    page->free = nullptr;
    page->fresh = reinterpret_cast<char*>(page) + sizeof(Page);
    if (!page->listed) link(page);
    const bool is_last = page->next == nullptr && page->previous == nullptr;
    if (is_last) return;
    unlink(page);
    if (page->block == nullptr) {
        --single_count_;
        --page_count_;
        std::free(page);
        return;
    }
    Block* const block = page->block;
    const size_t index = static_cast<size_t>(reinterpret_cast<char*>(page) - block->memory) / kPageSize;
    block->free_pages |= uint32_t{1} << index;
    if (block->free_pages != UINT32_MAX) return;
    std::free(block->memory);
    page_count_ -= kBlockPages;
    blocks_.erase(std::find_if(blocks_.begin(), blocks_.end(),
                               [block](const auto& each) { return each.get() == block; }));
}

void SubscriptionPool::link(Page* page) {
    Page*& first = with_room_[page->size_class];
    page->previous = nullptr;
    page->next = first;
    if (first != nullptr) first->previous = page;
    first = page;
    page->listed = true;
}

void SubscriptionPool::unlink(Page* page) {
    if (page->previous != nullptr) {
        page->previous->next = page->next;
    } else {
        with_room_[page->size_class] = page->next;
    }
    if (page->next != nullptr) page->next->previous = page->previous;
    page->next = nullptr;
    page->previous = nullptr;
    page->listed = false;
}

char* SubscriptionPool::page_memory(Block** block) {
    static_assert(kBlockPages == 32);
    // Usually the newest has room; older ones after many have gone.
    for (size_t i = blocks_.size(); i > 0; --i) {
        Block& each = *blocks_[i - 1];
        if (each.free_pages == 0) continue;
        const int index = std::countr_zero(each.free_pages);
        each.free_pages &= each.free_pages - 1;
        *block = &each;
        return each.memory + static_cast<size_t>(index) * kPageSize;
    }
    *block = nullptr;
    if (single_count_ < kSinglePages) {
        auto* memory = static_cast<char*>(std::aligned_alloc(kPageSize, kPageSize));
        assert(memory != nullptr);
        ++single_count_;
        ++page_count_;
        return memory;
    }
    auto* memory = static_cast<char*>(std::aligned_alloc(kBlockSize, kBlockSize));
    assert(memory != nullptr);
    (void)::madvise(memory, kBlockSize, MADV_HUGEPAGE);  // a wish: nothing depends on it
    blocks_.push_back(std::make_unique<Block>(Block{memory, UINT32_MAX & ~uint32_t{1}}));
    page_count_ += kBlockPages;
    *block = blocks_.back().get();
    return memory;
}

}  // namespace nuring::interest

// SPDX-License-Identifier: Apache-2.0
#include "core/interest/sid_table.h"

#include <cassert>

#include "core/interest/subject_hash.h"

namespace nuring::interest {

SidTable::Key SidTable::key(std::string_view sid) const {
    constexpr size_t kDigitsMax = 18;  // fit into 64 bits
    constexpr uint64_t kOdd = 0x9e3779b97f4a7c15ULL;
    uint64_t number = 0;
    bool is_number = !sid.empty() && sid.size() <= kDigitsMax && (sid[0] != '0' || sid.size() == 1);
    if (is_number) {
        for (const char c : sid) {
            const unsigned digit = static_cast<unsigned char>(c) - unsigned{'0'};
            is_number &= digit <= 9;
            number = number * 10 + digit;
        }
    }
    if (!is_number) return {kNoBlock, static_cast<uint32_t>(subject_hash(sid, hash_seed_)), 0};
    const uint64_t block = number / kPlaces;
    return {block, static_cast<uint32_t>(multiply_fold(block ^ hash_seed_, kOdd)),
            static_cast<uint32_t>(number % kPlaces)};
}

Subscription* SidTable::find(std::string_view sid, const Key& key) const {
    if (key.block == kNoBlock) {
        const uint32_t id = other_ids_.find(
            key.hash, [this, sid](uint32_t other) { return others_[other - 1]->sid() == sid; });
        return id == 0 ? nullptr : others_[id - 1];
    }
    const uint32_t page = find_page(key);
    return page == 0 ? nullptr : pages_[page - 1]->places[key.place];
}

void SidTable::insert(Subscription* subscription, const Key& key) {
    ++count_;
    if (key.block == kNoBlock) {
        uint32_t id = 0;
        if (free_others_.empty()) {
            others_.push_back(subscription);
            id = static_cast<uint32_t>(others_.size());
        } else {
            id = free_others_.back();
            free_others_.pop_back();
            others_[id - 1] = subscription;
        }
        other_ids_.insert(key.hash, id);
        return;
    }
    uint32_t id = find_page(key);
    if (id == 0) id = add_page(key);
    Page& page = *pages_[id - 1];
    assert(page.places[key.place] == nullptr);
    page.places[key.place] = subscription;
    ++page.used;
}

void SidTable::erase(Subscription* subscription, const Key& key) {
    if (key.block == kNoBlock) {
        const uint32_t id = other_ids_.find(key.hash, [this, subscription](uint32_t other) {
            return others_[other - 1] == subscription;
        });
        assert(id != 0);
        other_ids_.erase(key.hash, id);
        others_[id - 1] = nullptr;
        free_others_.push_back(id);
    } else {
        const uint32_t id = find_page(key);
        assert(id != 0);
        Page& page = *pages_[id - 1];
        assert(page.places[key.place] == subscription);
        page.places[key.place] = nullptr;
        if (--page.used == 0) {
            page_ids_.erase(key.hash, id);
            pages_[id - 1].reset();
            free_pages_.push_back(id);
        }
    }
    --count_;
    constexpr size_t kKeepCount = 64;
    if (count_ == 0 && pages_.size() + others_.size() > kKeepCount) clear();
}

void SidTable::clear() {
    page_ids_ = IdTable();
    pages_ = std::vector<std::unique_ptr<Page>>();
    free_pages_ = std::vector<uint32_t>();
    other_ids_ = IdTable();
    others_ = std::vector<Subscription*>();
    free_others_ = std::vector<uint32_t>();
    count_ = 0;
}

void SidTable::take(size_t most, std::vector<Subscription*>* out) {
    page_ids_ = IdTable();
    other_ids_ = IdTable();
    const size_t before = out->size();
    const auto is_full = [out, before, most] { return out->size() - before >= most; };
    while (!is_full() && !pages_.empty()) {
        Page* page = pages_.back().get();
        for (size_t i = kPlaces; page != nullptr && i-- > 0 && !is_full();) {
            if (page->places[i] == nullptr) continue;
            out->push_back(page->places[i]);
            page->places[i] = nullptr;
            --page->used;
        }
        if (page == nullptr || page->used == 0) pages_.pop_back();
    }
    while (!is_full() && !others_.empty()) {
        if (others_.back() != nullptr) out->push_back(others_.back());
        others_.pop_back();
    }
    count_ -= static_cast<uint32_t>(out->size() - before);
    if (count_ == 0) clear();
}

size_t SidTable::heap_bytes() const {
    return page_ids_.heap_bytes() + other_ids_.heap_bytes() + pages_.capacity() * sizeof(pages_[0]) +
           (pages_.size() - free_pages_.size()) * sizeof(Page) +
           others_.capacity() * sizeof(others_[0]) +
           (free_pages_.capacity() + free_others_.capacity()) * sizeof(uint32_t);
}

uint32_t SidTable::add_page(const Key& key) {
    uint32_t id = 0;
    if (free_pages_.empty()) {
        pages_.emplace_back();
        id = static_cast<uint32_t>(pages_.size());
    } else {
        id = free_pages_.back();
        free_pages_.pop_back();
    }
    pages_[id - 1] = std::make_unique<Page>();
    pages_[id - 1]->block = key.block;
    page_ids_.insert(key.hash, id);
    return id;
}

}  // namespace nuring::interest

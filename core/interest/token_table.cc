// SPDX-License-Identifier: Apache-2.0
#include "core/interest/token_table.h"

#include <cassert>
#include <cstring>

#include "core/interest/subject_hash.h"

namespace nuring::interest {

void split_tokens(std::string_view subject, uint64_t hash_seed, TokenList* tokens) {
    size_t first = 0;
    for (size_t i = 0; i <= subject.size(); ++i) {
        if (i != subject.size() && subject[i] != '.') continue;
        const std::string_view text = subject.substr(first, i - first);
        tokens->push_back({text, static_cast<uint32_t>(subject_hash(text, hash_seed))});
        first = i + 1;
    }
}

uint32_t TokenTable::acquire(std::string_view text, uint32_t hash) {
    if (const auto found = ids_.find(Key{text, hash}); found != ids_.end()) {
        ++entries_[*found - 1].references;
        return *found;
    }
    uint32_t id = first_free_;
    if (id == 0) {
        entries_.emplace_back();
        id = static_cast<uint32_t>(entries_.size());
    } else {
        first_free_ = entry(id).next_free;
    }
    Entry& added = entries_[id - 1];
    added.text = std::make_unique<char[]>(text.size());
    if (!text.empty()) std::memcpy(added.text.get(), text.data(), text.size());
    added.size = static_cast<uint32_t>(text.size());
    added.hash = hash;
    added.references = 1;
    ids_.insert(id);
    return id;
}

void TokenTable::release(uint32_t id) {
    Entry& released = entries_[id - 1];
    assert(released.references > 0);
    if (--released.references > 0) return;
    ids_.erase(id);
    released.text.reset();
    released.size = 0;
    released.next_free = first_free_;
    first_free_ = id;
}

size_t TokenTable::heap_bytes() const {
    size_t bytes = entries_.size() * sizeof(Entry) + ids_.capacity() * (sizeof(uint32_t) + 1);
    for (const Entry& each : entries_) bytes += each.size;
    return bytes;
}

}  // namespace nuring::interest

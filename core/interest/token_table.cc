// SPDX-License-Identifier: Apache-2.0
#include "core/interest/token_table.h"

#include <bit>
#include <cassert>
#include <cstring>

namespace nuring::interest {
namespace {

static_assert(std::endian::native == std::endian::little, "dots_in() counts from the low byte");

// A mark in the high bit of each byte of `word` that is a dot, exactly.
uint64_t dots_in(uint64_t word) {
    constexpr uint64_t kDots = 0x2e2e2e2e2e2e2e2eULL;
    constexpr uint64_t kLow = 0x7f7f7f7f7f7f7f7fULL;
    const uint64_t other = word ^ kDots;
    return ~(((other & kLow) + kLow) | other | kLow);
}

// The next up to eight bytes of a text, the rest zero.
uint64_t load_up_to_8(const char* text, size_t size) {
    uint64_t word = 0;
    if (size >= 8) {
        std::memcpy(&word, text, 8);
    } else if (size >= 4) {
        uint32_t head;
        uint32_t tail;
        std::memcpy(&head, text, 4);
        std::memcpy(&tail, text + size - 4, 4);
        word = head | uint64_t{tail} << (size - 4) * 8;
    } else if (size > 0) {
        const auto byte = [text](size_t i) { return uint64_t{static_cast<unsigned char>(text[i])}; };
        word = byte(0) | byte(size / 2) << size / 2 * 8 | byte(size - 1) << (size - 1) * 8;
    }
    return word;
}

}  // namespace

std::string_view first_token(std::string_view subject) {
    for (size_t base = 0; base < subject.size(); base += 8) {
        const uint64_t dots = dots_in(load_up_to_8(subject.data() + base, subject.size() - base));
        if (dots != 0) return {subject.data(), base + static_cast<size_t>(std::countr_zero(dots)) / 8};
    }
    return subject;
}

bool split_tokens(std::string_view subject, TokenList* tokens) {
    size_t first = 0;
    uint64_t empty = 0;      // marks of dots behind dots
    uint64_t before = 0x80;  // the start is like a dot
    for (size_t base = 0; base < subject.size(); base += 8) {
        uint64_t dots = dots_in(load_up_to_8(subject.data() + base, subject.size() - base));
        empty |= dots & (dots << 8 | before);
        before = dots >> 56;
        for (; dots != 0; dots &= dots - 1) {
            const size_t dot = base + static_cast<size_t>(std::countr_zero(dots)) / 8;
            tokens->push_back({{subject.data() + first, dot - first}});
            first = dot + 1;
        }
    }
    tokens->push_back({{subject.data() + first, subject.size() - first}});
    return empty == 0 && first != subject.size();
}

TokenTable::~TokenTable() {
    for (Entry& each : entries_) {
        if (each.size > Entry::kInline) delete[] each.long_text();
    }
}

uint32_t TokenTable::acquire(Token* token) {
    if (find(token) != 0) {
        ++entries_[token->id - 1].references;
        return token->id;
    }
    uint32_t id = first_free_;
    if (id == 0) {
        entries_.emplace_back();
        id = static_cast<uint32_t>(entries_.size());
    } else {
        first_free_ = entry(id).references;
    }
    Entry& added = entries_[id - 1];
    added.size = static_cast<uint32_t>(token->text.size());
    added.references = 1;
    char* text = added.text;
    if (added.size > Entry::kInline) {
        text = new char[added.size];
        std::memcpy(added.text, &text, sizeof text);
    }
    if (added.size > 0) std::memcpy(text, token->text.data(), added.size);
    ids_.insert(hash_of(token), id);
    token->id = id;
    return id;
}

void TokenTable::release(uint32_t id) {
    Entry& released = entries_[id - 1];
    assert(released.references > 0);
    if (--released.references > 0) return;
    ids_.erase(hash_text(released.view()), id);
    if (released.size > Entry::kInline) delete[] released.long_text();
    released.size = 0;
    released.references = first_free_;
    first_free_ = id;
}

size_t TokenTable::heap_bytes() const {
    size_t bytes = entries_.size() * sizeof(Entry) + ids_.heap_bytes();
    for (const Entry& each : entries_) bytes += each.size > Entry::kInline ? each.size : 0;
    return bytes;
}

}  // namespace nuring::interest

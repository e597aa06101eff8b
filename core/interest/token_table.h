// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <deque>
#include <string_view>

#include "absl/container/inlined_vector.h"
#include "core/interest/id_table.h"
#include "core/interest/subject_hash.h"

namespace nuring::interest {

// One token of a subject, as a lookup carries it.
struct Token {
    static constexpr uint32_t kUnresolved = UINT32_MAX;

    std::string_view text;
    uint32_t hash = 0;          // 0: not computed yet
    uint32_t id = kUnresolved;  // in the TokenTable of the trie that is walked just now
};

// Subjects of up to this many tokens are split without allocation; there is no limit.
using TokenList = absl::InlinedVector<Token, 24>;

// The token before the first dot.
std::string_view first_token(std::string_view subject);

// Splits at every dot; an empty subject has one empty token. False: a token is empty.
bool split_tokens(std::string_view subject, TokenList* tokens);

// TokenTable gives each distinct token text a small number while somebody refers to it, so that the
// edges of a trie compare numbers and a text is kept once.
// Threads: under the lock of its shard.
// Limits:  2^32 - 2 tokens. Number 0 means "no such token".
// Errors:  none.
class TokenTable {
  public:
    explicit TokenTable(uint64_t hash_seed) : hash_seed_(hash_seed) {}
    ~TokenTable();
    TokenTable(const TokenTable&) = delete;
    TokenTable& operator=(const TokenTable&) = delete;

    // The token's number, from now on also in `token`.
    uint32_t find(Token* token) const {
        if (token->id == Token::kUnresolved) {
            const std::string_view text = token->text;
            token->id = ids_.find(hash_of(token),
                                  [this, text](uint32_t id) { return entry(id).view() == text; });
        }
        return token->id;
    }
    // A number for the token, which it keeps until as many calls of release().
    uint32_t acquire(Token* token);
    void release(uint32_t id);

    size_t size() const { return ids_.size(); }
    size_t heap_bytes() const;

  private:
    // Most tokens are short and stay beside their size.
    struct Entry {
        static constexpr uint32_t kInline = 24;

        std::string_view view() const { return {size <= kInline ? text : long_text(), size}; }
        char* long_text() const {
            char* pointer;
            std::memcpy(&pointer, text, sizeof pointer);
            return pointer;
        }

        uint32_t size = 0;
        uint32_t references = 0;  // of a free entry: the next free one
        char text[kInline];       // or the address of a longer text
    };
    static_assert(sizeof(Entry) == 32);

    const Entry& entry(uint32_t id) const { return entries_[id - 1]; }
    uint32_t hash_of(Token* token) const {
        if (token->hash == 0) token->hash = hash_text(token->text);
        return token->hash;
    }
    uint32_t hash_text(std::string_view text) const {
        return static_cast<uint32_t>(subject_hash(text, hash_seed_));
    }

    const uint64_t hash_seed_;
    std::deque<Entry> entries_;
    uint32_t first_free_ = 0;
    IdTable ids_;
};

}  // namespace nuring::interest

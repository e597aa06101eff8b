// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
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

// Splits at every dot; an empty subject has one empty token.
void split_tokens(std::string_view subject, TokenList* tokens);

// TokenTable gives each distinct token text a small number while somebody refers to it, so that the
// edges of a trie compare numbers and a text is kept once.
// Threads: under the lock of its shard.
// Limits:  2^32 - 2 tokens. Number 0 means "no such token".
// Errors:  none.
class TokenTable {
  public:
    explicit TokenTable(uint64_t hash_seed)
        : hash_seed_(hash_seed), ids_(0, Hash{this}, Equal{this}) {}
    TokenTable(const TokenTable&) = delete;
    TokenTable& operator=(const TokenTable&) = delete;

    // The token's number, from now on also in `token`.
    uint32_t find(Token* token) const {
        if (token->id == Token::kUnresolved) {
            const auto found = ids_.find(key_of(token));
            token->id = found == ids_.end() ? 0 : *found;
        }
        return token->id;
    }
    // A number for the token, which it keeps until as many calls of release().
    uint32_t acquire(Token* token);
    void release(uint32_t id);

    size_t size() const { return ids_.size(); }
    size_t heap_bytes() const;

  private:
    struct Entry {
        std::unique_ptr<char[]> text;
        uint32_t size = 0;
        uint32_t hash = 0;
        uint32_t references = 0;
        uint32_t next_free = 0;
    };
    struct Key {
        std::string_view text;
        uint32_t hash;
    };
    struct Hash {
        using is_transparent = void;
        const TokenTable* table;
        size_t operator()(const Key& key) const { return spread(key.hash); }
        size_t operator()(uint32_t id) const { return spread(table->entry(id).hash); }
        static size_t spread(uint32_t hash) { return hash * uint64_t{0x9e3779b97f4a7c15ULL} >> 16; }
    };
    struct Equal {
        using is_transparent = void;
        const TokenTable* table;
        bool operator()(uint32_t a, uint32_t b) const { return a == b; }
        bool operator()(uint32_t id, const Key& key) const {
            const Entry& entry = table->entry(id);
            return entry.hash == key.hash &&
                   std::string_view(entry.text.get(), entry.size) == key.text;
        }
        bool operator()(const Key& key, uint32_t id) const { return (*this)(id, key); }
    };

    const Entry& entry(uint32_t id) const { return entries_[id - 1]; }
    Key key_of(Token* token) const {
        if (token->hash == 0) {
            token->hash = static_cast<uint32_t>(subject_hash(token->text, hash_seed_));
        }
        return {token->text, token->hash};
    }

    const uint64_t hash_seed_;
    std::deque<Entry> entries_;
    uint32_t first_free_ = 0;
    absl::flat_hash_set<uint32_t, Hash, Equal> ids_;
};

}  // namespace nuring::interest

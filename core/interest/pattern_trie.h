// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>

#include "absl/container/inlined_vector.h"
#include "core/interest/id_table.h"
#include "core/interest/subject_hash.h"
#include "core/interest/subscriber_set.h"
#include "core/interest/token_table.h"

namespace nuring::interest {

// PatternTrie holds the wildcard patterns of one shard: a node per distinct prefix of tokens, 32 bytes
// each, with the edges of all nodes in one hash table. `*` is a child like any other, but is reached
// without the table; `>` needs no node: its subscriptions hang on the node that it follows.
//
//   patterns  a.*.c  a.>        root -a-> [tail: a.>] -*-> [] -c-> [here: a.*.c]
//
// The subject that is looked up is plain text: its own `*` or `>` tokens match no literal edge (there
// is none with such a text), and are matched by `*` and `>` like any token.
//
// Threads: under the lock of its shard.
// Limits:  2^32 - 1 nodes and tokens; a lookup visits each node at most once.
// Errors:  none; patterns are valid (no empty token, `>` only last).
// Source:  ours; behaviour of server/sublist.go 2.0.0-RC19.
class PatternTrie {
  public:
    explicit PatternTrie(uint64_t hash_seed) : hash_seed_(hash_seed), tokens_(hash_seed) {
        nodes_.emplace_back();
    }
    ~PatternTrie();
    PatternTrie(const PatternTrie&) = delete;
    PatternTrie& operator=(const PatternTrie&) = delete;

    InterestChange insert(Subscription* subscription);
    InterestChange remove(Subscription* subscription);

    // Those with exactly this pattern; empty if there are none.
    Subscribers find(std::string_view pattern) const;
    // Calls visit(Subscribers) for each pattern.
    template <typename Visit>
    void for_each(Visit&& visit) const {
        for (const Node& node : nodes_) {
            if (!node.here.empty()) visit(node.here);
            if (!node.tail.empty()) visit(node.tail);
        }
    }

    // Calls visit(Subscribers) for each pattern that matches, until it returns false; returns false
    // if it did. Leaves this trie's token numbers in `tokens`.
    template <typename Visit>
    bool match(TokenList* tokens, Visit&& visit) const;

    // Nodes below the root.
    size_t node_count() const { return node_count_; }
    // Nodes that there is memory for.
    size_t node_capacity() const { return nodes_.size(); }
    size_t heap_bytes() const;

  private:
    static constexpr uint32_t kRoot = 0;
    static constexpr uint32_t kNone = 0;  // the root is nobody's child
    static constexpr uint32_t kStar = UINT32_MAX;

    struct Node {
        uint32_t parent = kNone;  // of a free node: the next free one
        uint32_t token = 0;       // of the edge that leads here; kStar for `*`
        uint32_t star = kNone;
        uint32_t literal_count = 0;  // children reached by a literal token
        Subscribers here;            // patterns that end in this node
        Subscribers tail;            // patterns that go on with `>`
    };
    static_assert(sizeof(Node) == 32);
    struct Step {
        uint32_t node;
        uint32_t depth;
    };

    uint32_t edge_hash(uint32_t parent, uint32_t token) const {
        constexpr uint64_t kOdd = 0x9e3779b97f4a7c15ULL;
        return static_cast<uint32_t>(
            multiply_fold((uint64_t{parent} << 32 | token) ^ hash_seed_, kOdd));
    }
    uint32_t literal_child(uint32_t node, Token* token) const {
        const uint32_t id = tokens_.find(token);
        if (id == 0) return kNone;
        return edges_.find(edge_hash(node, id), [this, node, id](uint32_t child) {
            return nodes_[child].parent == node && nodes_[child].token == id;
        });
    }
    // The node at which a pattern ends.
    struct Place {
        uint32_t node = kNone;
        bool is_tail = false;  // behind `>`
        bool found = false;
    };
    Place locate(std::string_view pattern) const;
    uint32_t add_child(uint32_t parent, uint32_t token);
    void prune(uint32_t node);

    const uint64_t hash_seed_;
    std::deque<Node> nodes_;
    IdTable edges_;  // literal children, by parent and token
    TokenTable tokens_;
    uint32_t first_free_ = kNone;
    size_t node_count_ = 0;
};

template <typename Visit>
bool PatternTrie::match(TokenList* tokens, Visit&& visit) const {
    for (Token& token : *tokens) token.id = Token::kUnresolved;
    // Depth first, the literal branch at once, the `*` branch later.
    absl::InlinedVector<Step, 32> later;
    later.push_back({kRoot, 0});
    const auto depth_max = static_cast<uint32_t>(tokens->size());
    while (!later.empty()) {
        Step step = later.back();
        later.pop_back();
        for (;; ++step.depth) {
            const Node& node = nodes_[step.node];
            if (step.depth == depth_max) {
                if (!node.here.empty() && !visit(node.here)) return false;
                break;
            }
            if (!node.tail.empty() && !visit(node.tail)) return false;
            uint32_t next = kNone;
            if (node.literal_count != 0) next = literal_child(step.node, &(*tokens)[step.depth]);
            if (next == kNone) {
                next = node.star;
            } else if (node.star != kNone) {
                later.push_back({node.star, step.depth + 1});
            }
            if (next == kNone) break;
            step.node = next;
        }
    }
    return true;
}

}  // namespace nuring::interest

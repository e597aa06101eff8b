// SPDX-License-Identifier: Apache-2.0
#include "core/interest/pattern_trie.h"

#include <cassert>

namespace nuring::interest {

PatternTrie::~PatternTrie() {
    for (Node& node : nodes_) {
        node.here.clear();
        node.tail.clear();
    }
}

InterestChange PatternTrie::insert(Subscription* subscription) {
    TokenList tokens;
    split_tokens(subscription->subject(), &tokens);
    uint32_t node = kRoot;
    for (size_t i = 0; i < tokens.size(); ++i) {
        Token& token = tokens[i];
        if (token.text == ">") {
            assert(i + 1 == tokens.size());
            return nodes_[node].tail.add(subscription, hash_seed_);
        }
        if (token.text == "*") {
            uint32_t child = nodes_[node].star;
            if (child == kNone) child = add_child(node, kStar);
            node = child;
            continue;
        }
        uint32_t child = literal_child(node, &token);
        if (child == kNone) child = add_child(node, tokens_.acquire(&token));
        node = child;
    }
    return nodes_[node].here.add(subscription, hash_seed_);
}

PatternTrie::Place PatternTrie::locate(std::string_view pattern) const {
    TokenList tokens;
    split_tokens(pattern, &tokens);
    Place place{.node = kRoot};
    for (Token& token : tokens) {
        if (place.is_tail) return {};
        if (token.text == ">") {
            place.is_tail = true;
            continue;
        }
        place.node = token.text == "*" ? nodes_[place.node].star : literal_child(place.node, &token);
        if (place.node == kNone) return {};
    }
    place.found = true;
    return place;
}

InterestChange PatternTrie::remove(Subscription* subscription) {
    const Place place = locate(subscription->subject());
    if (!place.found) return InterestChange::kAbsent;
    Node& node = nodes_[place.node];
    Subscribers& subscribers = place.is_tail ? node.tail : node.here;
    if (subscribers.empty()) return InterestChange::kAbsent;
    const InterestChange change = subscribers.remove(subscription, hash_seed_);
    if (change != InterestChange::kAbsent) prune(place.node);
    return change;
}

Subscribers PatternTrie::find(std::string_view pattern) const {
    const Place place = locate(pattern);
    if (!place.found) return {};
    return place.is_tail ? nodes_[place.node].tail : nodes_[place.node].here;
}

size_t PatternTrie::heap_bytes() const {
    return nodes_.size() * sizeof(Node) + edges_.heap_bytes() + tokens_.heap_bytes();
}

uint32_t PatternTrie::add_child(uint32_t parent, uint32_t token) {
    uint32_t added = first_free_;
    if (added == kNone) {
        added = static_cast<uint32_t>(nodes_.size());
        nodes_.emplace_back();
    } else {
        first_free_ = nodes_[added].parent;
        nodes_[added] = Node();
    }
    nodes_[added].parent = parent;
    nodes_[added].token = token;
    if (token == kStar) {
        nodes_[parent].star = added;
    } else {
        ++nodes_[parent].literal_count;
        edges_.insert(edge_hash(parent, token), added);
    }
    ++node_count_;
    return added;
}

// Frees the node and its ancestors as far as they serve no pattern any more.
void PatternTrie::prune(uint32_t index) {
    while (index != kRoot) {
        Node& node = nodes_[index];
        const bool is_needed = !node.here.empty() || !node.tail.empty() || node.star != kNone ||
                               node.literal_count != 0;
        if (is_needed) return;
        const uint32_t parent = node.parent;
        if (node.token == kStar) {
            nodes_[parent].star = kNone;
        } else {
            --nodes_[parent].literal_count;
            edges_.erase(edge_hash(parent, node.token), index);
            tokens_.release(node.token);
        }
        node.parent = first_free_;
        first_free_ = index;
        --node_count_;
        index = parent;
    }
}

}  // namespace nuring::interest

// SPDX-License-Identifier: Apache-2.0
#include "proto/tracked_reply.h"

#include <algorithm>

#include "proto/base62.h"
#include "proto/subject.h"

namespace nuring::proto {

std::string node_hash(std::span<const uint8_t> digest) { return base62_of(digest.first(kNodeHashSize)); }

std::string_view tracking_node(std::string_view reply) {
    if (!may_be_tracked(reply) || !reply.starts_with(kServiceReplyPrefix)) return {};
    const std::string_view suffix = reply.substr(reply.size() - kTrackedSuffixSize);
    const std::string_view node = suffix.substr(1, kNodeHashSize);
    const bool is_named = suffix.front() == kTokenSeparator &&
                          std::all_of(node.begin(), node.end(), is_base62);
    return is_named ? node : std::string_view();
}

}  // namespace nuring::proto

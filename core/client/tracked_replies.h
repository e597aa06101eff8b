// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "core/base/status.h"

namespace nuring::client {

// TrackedReplies remembers, for one client, the requests that it got and that another server measures
// (proto/tracked_reply.h): that server gets a report of how long the answer took.
// Threads:  one. Limits: kRepliesMax requests; more of them push out all. Errors: none.
// Lifetime: of its client.
// Source:   server/client.go, trackRemoteReply 2.9.10.
class TrackedReplies {
  public:
    static constexpr size_t kRepliesMax = 65536;

    // threshold_ns: how long an answer may take.
    void note(std::string_view reply, uint64_t now_ns, uint64_t threshold_ns) {
        if (now_ns >= next_sweep_ns_ || requests_.size() >= kRepliesMax) {
            absl::erase_if(requests_, [now_ns](auto& each) { return each.second.expires_ns <= now_ns; });
            if (requests_.size() >= kRepliesMax) requests_.clear();
            next_sweep_ns_ = now_ns + threshold_ns;
        }
        requests_[std::string(reply)] = {now_ns, now_ns + threshold_ns};
        assert(requests_.size() <= kRepliesMax);
    }
    // When the request came that this is the first answer to; nothing: it is none.
    std::optional<uint64_t> take(std::string_view subject, uint64_t now_ns) {
        const auto found = requests_.find(base::absl_view(subject));
        if (found == requests_.end()) return std::nullopt;
        const Entry entry = found->second;
        requests_.erase(found);
        if (entry.expires_ns <= now_ns) return std::nullopt;
        return entry.since_ns;
    }
    size_t size() const { return requests_.size(); }

  private:
    struct Entry {
        uint64_t since_ns = 0;
        uint64_t expires_ns = 0;
    };
    absl::flat_hash_map<std::string, Entry> requests_;
    uint64_t next_sweep_ns_ = 0;
};

}  // namespace nuring::client

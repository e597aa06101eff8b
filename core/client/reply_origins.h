// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "core/base/status.h"
#include "proto/gateway_reply.h"

namespace nuring::client {

// ReplyOrigins remembers, for one client, which of the requests that it got came from another cluster: an
// answer goes back there directly, whether or not the interest in it is known here by then.
// Threads:  one. Limits: kRepliesMax requests; more than that in kRemembered_ns push out all.
// Errors:   none. Lifetime: of its client.
// Source:   server/gateway.go, trackGWReply 2.9.10.
class ReplyOrigins {
  public:
    static constexpr uint64_t kRemembered_ns = 2'000'000'000;
    static constexpr size_t kRepliesMax = 65536;

    void note(std::string_view reply, const proto::ReplyOrigin& origin, uint64_t now_ns) {
        if (now_ns >= next_sweep_ns_ || origins_.size() >= kRepliesMax) {
            absl::erase_if(origins_, [now_ns](const auto& each) { return each.second.expires_ns <= now_ns; });
            if (origins_.size() >= kRepliesMax) origins_.clear();
            next_sweep_ns_ = now_ns + kRemembered_ns;
        }
        origins_[std::string(reply)] = {origin, now_ns + kRemembered_ns};
        assert(origins_.size() <= kRepliesMax);
    }
    // Empty: that is no answer to a recent request from another cluster.
    proto::ReplyOrigin find(std::string_view subject, uint64_t now_ns) const {
        const auto found = origins_.find(base::absl_view(subject));
        if (found == origins_.end() || found->second.expires_ns <= now_ns) return {};
        return found->second.origin;
    }
    size_t size() const { return origins_.size(); }

  private:
    struct Entry {
        proto::ReplyOrigin origin;
        uint64_t expires_ns = 0;
    };
    absl::flat_hash_map<std::string, Entry> origins_;
    uint64_t next_sweep_ns_ = 0;
};

}  // namespace nuring::client

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"

namespace nuring::account {
class Account;
}

namespace nuring::gateway {

// RecentInterest knows the subscriptions that came a moment ago. The other cluster may not know of them
// yet, so a reply subject that one of them matches is mapped (proto/gateway_reply.h).
//
// Threads:  one.
// Limits:   kPatternsMax patterns of kBytesMax; when there are more, every reply counts as recent for a
//           while, which costs some bytes of each message and loses no answer. Likewise with more than
//           kPatternsPerKeyMax of one beginning, every reply that begins so: those of a key are compared one
//           by one.
// Errors:   none. Lifetime: of its link; an account is only compared, never followed.
// Source:   server/gateway.go 2.9.10: 2 s (RC19: 5 s).
class RecentInterest {
  public:
    static constexpr uint64_t kRecent_ns = 2'000'000'000;
    static constexpr size_t kPatternsMax = 65536;
    static constexpr size_t kBytesMax = 8 * 1024 * 1024;
    static constexpr size_t kPatternsPerKeyMax = 16;

    void note(const account::Account& account, std::string_view pattern, uint64_t now_ns);
    // Does a recent subscription match that subject?
    bool covers(const account::Account& account, std::string_view subject, uint64_t now_ns);
    size_t size() const { return expiry_.size(); }

  private:
    struct Pattern {
        std::string text;
        uint64_t expires_ns;
    };
    struct Patterns {
        absl::InlinedVector<Pattern, 1> kept;  // the oldest first
        size_t count = 0;                      // with those that were not kept
    };
    struct Expiry {
        std::string key;
        uint64_t expires_ns;
        size_t bytes;  // of the pattern
    };

    void expire(uint64_t now_ns);

    // By the account and the tokens before the first wildcard; a literal one by all of its tokens.
    absl::flat_hash_map<std::string, Patterns> patterns_;
    std::deque<Expiry> expiry_;  // in order of time
    size_t bytes_ = 0;
    uint64_t overflow_until_ns_ = 0;
};

}  // namespace nuring::gateway

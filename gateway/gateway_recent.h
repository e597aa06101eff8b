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
// Threads:  one. Limits: kPatternsMax patterns; when there are more, every reply counts as recent for a
//           while, which costs some bytes of each message and loses no answer.
// Errors:   none. Lifetime: of its link; an account is only compared, never followed.
// Source:   server/gateway.go 2.9.10: 2 s (RC19: 5 s).
class RecentInterest {
  public:
    static constexpr uint64_t kRecent_ns = 2'000'000'000;
    static constexpr size_t kPatternsMax = 65536;

    void note(const account::Account& account, std::string_view pattern, uint64_t now_ns);
    // Does a recent subscription match that subject?
    bool covers(const account::Account& account, std::string_view subject, uint64_t now_ns);
    size_t size() const { return expiry_.size(); }

  private:
    struct Pattern {
        std::string text;
        uint64_t expires_ns;
    };
    using Patterns = absl::InlinedVector<Pattern, 1>;
    struct Expiry {
        std::string key;
        uint64_t expires_ns;
    };

    void expire(uint64_t now_ns);

    // By the account and the tokens before the first wildcard; a literal one by all of its tokens.
    absl::flat_hash_map<std::string, Patterns> patterns_;
    std::deque<Expiry> expiry_;  // in order of time
    uint64_t overflow_until_ns_ = 0;
};

}  // namespace nuring::gateway

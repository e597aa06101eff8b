// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "gateway/gateway_interest.h"

namespace nuring::account {
class Account;
}

namespace nuring::gateway {

// PendingInterest keeps what another cluster has announced for accounts that this server does not know: a
// reload, or the first login of a tenant, may bring them, and nothing is announced twice.
//
// Threads:  the worker of its link.
// Limits:   kEntriesMax accounts and patterns in all, with kBytesMax bytes of names; more are forgotten.
// Errors:   none. Lifetime: of its link.
class PendingInterest {
  public:
    static constexpr size_t kEntriesMax = 16384;
    // Four times what as many names of usual length have.
    static constexpr size_t kBytesMax = 4 * 1024 * 1024;

    explicit PendingInterest(bool interest_only) : interest_only_(interest_only) {}

    void subscribe(std::string_view account, std::string_view pattern, std::string_view queue);
    void unsubscribe(std::string_view account, std::string_view pattern, std::string_view queue);
    void set_refused(std::string_view account, bool is_refused);
    void begin_switch(std::string_view account);
    void end_switch(std::string_view account);

    // The account has come: hands over all that is known of it, once.
    void replay(account::Account& account, OutboundInterest* interest);
    bool empty() const { return accounts_.empty(); }
    size_t size() const { return count_; }
    // Patterns of that account.
    size_t wanted_by(std::string_view account) const;

  private:
    struct Entry {
        InterestMode mode = InterestMode::kOptimistic;
        bool is_refused = false;
        bool begins_anew = false;  // an A- has come, whatever was said before it
        absl::flat_hash_set<std::string> wanted;  // "<pattern> <queue>"
        size_t wanted_bytes = 0;
    };

    // Null: there is no room for another account.
    Entry* entry(std::string_view account);
    void note_gone(Entry& entry, size_t count, size_t bytes);

    const bool interest_only_;
    absl::flat_hash_map<std::string, Entry> accounts_;
    size_t count_ = 0;
    size_t bytes_ = 0;
};

}  // namespace nuring::gateway

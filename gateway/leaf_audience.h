// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/account/account.h"
#include "core/delivery/delivery.h"
#include "core/delivery/interest_listener.h"
#include "gateway/leaf_interest.h"
#include "gateway/leaf_permissions.h"

namespace nuring::gateway {

class LeafLink;

// The terms that decide which interest is announced to a link.
struct LeafAudienceTerms {
    LeafRole role;
    LeafPermissions permissions;

    friend bool operator==(const LeafAudienceTerms&, const LeafAudienceTerms&) = default;
};

// LeafAudience is the leafnode links of one account on one worker with the same terms: a change of interest
// is looked up once for all of them, and its line is made once. A plain pattern is wanted by nobody, by one
// source alone (a link, or the links of one cluster), to which it is not announced, or by more. That is all
// that is kept of a pattern, so that a thousand links cost the memory of one. Of queue groups each link keeps
// the weight that was announced to it.
//
//   SUB, LS+ --> announce() --> summarize, under the lock of the shard --> old state, new state --> lines
//
// A link that joins gets all interest in slices (announce_slice()). The sublist may be ahead of announce(),
// so a slice may differ from the kept state. Each pattern keeps the last link, in the order of joining, up to
// which all have got its state; links after that one get a line at the next change in any case: a repeated
// line means nothing.
//
// Threads: its worker. Limits: about 25 bytes for each announced pattern. Errors: none.
// Lifetime: of the first to the last of its links.
class LeafAudience final : public delivery::InterestListener {
  public:
    LeafAudience(delivery::Delivery& delivery, account::Account& account, LeafAudienceTerms terms,
                 std::string loop_subject);
    ~LeafAudience();
    LeafAudience(const LeafAudience&) = delete;
    LeafAudience& operator=(const LeafAudience&) = delete;

    const LeafAudienceTerms& terms() const { return terms_; }
    account::Account& account() const { return account_; }
    bool empty() const { return members_.empty(); }

    // The link announces the interest of this server itself in slices; changes come from now on.
    void add(LeafLink& link);
    void remove(LeafLink& link);
    // Tells it of one slice of the account's sublist; returns how many patterns that were.
    size_t announce_slice(LeafLink& link, uint32_t slice);
    // Imports and mappings of the account may have come, or gone. Called for each link, works once.
    void on_account_changed(const LeafLink& link);

    void announce(account::Account& account, std::string_view pattern, std::string_view queue) override;
    bool listens_to(proto::Kind of) const override {
        return interest::is_announced(of, terms_.role.kind);
    }

  private:
    struct Member {
        LeafLink* link;
        LeafSource source;  // that it is itself
        uint64_t number;    // in the order of joining
    };
    struct Known {
        LeafSource sole;      // see LeafInterestSummary
        uint64_t sent_up_to;  // members up to that number have got it
    };

    bool is_own_interest(std::string_view pattern) const;
    void announce_plain(std::string_view pattern, LeafSource now);
    void send_plain_line(Member& member, std::string_view pattern, LeafSource now);
    void send_group_line(Member& member, std::string_view pattern, std::string_view queue,
                         const LeafInterestSummary& now);
    std::string_view line(std::string_view pattern, std::string_view queue, size_t count);
    void forget_line() { line_.clear(); }
    void join_plain(Member& member, std::string_view pattern, LeafSource now);
    Member& member_of(const LeafLink& link);
    uint64_t number_before(const Member& member) const;
    std::vector<std::string> taken_patterns() const;

    delivery::Delivery& delivery_;
    account::Account& account_;
    const LeafAudienceTerms terms_;
    const std::string loop_subject_;
    std::vector<Member> members_;  // in the order of joining
    uint64_t last_number_ = 0;
    absl::flat_hash_map<uint64_t, Known> plain_;  // by the hash of the pattern
    std::vector<std::string> taken_;  // patterns of the account's imports and mappings, as last announced
    std::string line_;  // made last, for that number of members; empty: none of this pattern
    size_t line_count_ = 0;
};

}  // namespace nuring::gateway

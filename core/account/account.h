// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cassert>
#include <cstdint>
#include <memory>
#include <string>

#include "core/account/exchange.h"
#include "core/account/interest_feed.h"
#include "core/interest/sublist.h"

namespace nuring::account {

inline constexpr std::string_view kGlobalAccount = "$G";

// Account is a tenant: its own subject space. Every subscription and every publish belongs to one.
// Threads: any worker; the sublist locks by itself, exchange() is replaced by the AccountRegistry.
// Lifetime: owned by the AccountRegistry; stays until no worker can name it any more.
class Account final : private interest::InterestObserver {
  public:
    // `feed` null: interest is announced to nobody.
    Account(std::string name, interest::SublistOptions options, InterestFeed* feed = nullptr);
    ~Account();
    Account(const Account&) = delete;
    Account& operator=(const Account&) = delete;

    const std::string& name() const { return name_; }
    interest::Sublist& sublist() { return sublist_; }
    const interest::Sublist& sublist() const { return sublist_; }

    // On a worker: good until the end of the turn; what is kept longer is kept by shared_ptr.
    const Exchange& exchange() const { return *exchange_.load(std::memory_order_acquire); }
    // The pattern under which replies to requests from other accounts come in; empty: there are none.
    std::string_view reply_pattern() const {
        const interest::Subscription* replies = known_replies_.load(std::memory_order_acquire);
        return replies == nullptr ? std::string_view() : replies->subject();
    }

    // Clients now, on all workers. Relaxed: it is only a number.
    int64_t connections() const { return connections_.load(std::memory_order_relaxed); }
    // One more; false: with the leafnodes here and the clients of other servers there are as many as the
    // account may have, and this one is not counted. A leafnode counts here, but is refused by a limit of
    // its own only. Source: server/accounts.go, MaxTotalConnectionsReached 2.15.3.
    [[nodiscard]] bool add_connection();
    void remove_connection() {
        const int64_t before = connections_.fetch_sub(1, std::memory_order_relaxed);
        assert(before > 0);
    }
    // Clients of other servers count against the limit, too; leafnodes of other servers do not.
    void add_connections_elsewhere(int64_t difference) {
        elsewhere_.fetch_add(difference, std::memory_order_relaxed);
    }
    // How many of the clients and leafnodes here are too many.
    int64_t excess_connections() const;

    // Registered leafnode connections, of either end, here and on other servers, against `max_leafnodes`.
    void add_leafnodes(int64_t difference) {
        leafnodes_.fetch_add(difference, std::memory_order_relaxed);
    }
    void add_leafnodes_elsewhere(int64_t difference) {
        leafnodes_elsewhere_.fetch_add(difference, std::memory_order_relaxed);
    }
    bool has_room_for_leafnode() const;
    // How many are too many.
    int64_t excess_leafnodes() const;

    // True: the account has more than it may have (its limit or the count of other servers has changed); one
    // less is counted, and the caller closes it.
    [[nodiscard]] bool shed_connection();

  private:
    friend class AccountRegistry;

    // Other connections than the clients here that add_connection() counts against the limit.
    int64_t beside_clients() const;
    // From here on this account receives replies to requests over service imports (`_R_.>`).
    void listen_for_replies();
    void on_interest_changed(const interest::Subscription& subscription) override;
    void on_leaf_interest_changed(const interest::Subscription& subscription) override;

    const std::string name_;
    InterestFeed* const feed_;
    interest::Sublist sublist_;
    std::shared_ptr<const Exchange> owned_;  // guarded by the registry's mutex
    std::atomic<const Exchange*> exchange_;
    std::atomic<int64_t> connections_{0};
    std::atomic<int64_t> elsewhere_{0};  // connections on other servers, as those announce them
    std::atomic<int64_t> leafnodes_{0};
    std::atomic<int64_t> leafnodes_elsewhere_{0};
    interest::SubscriptionPtr replies_;  // guarded by the registry's mutex
    std::atomic<const interest::Subscription*> known_replies_{nullptr};  // the same, for all
};

}  // namespace nuring::account

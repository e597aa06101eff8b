// SPDX-License-Identifier: Apache-2.0
// The interest of two clusters in each other, at both ends of a gateway connection. Interest travels
// against the messages: the server that accepted the connection announces, the one that dialed listens.
//
//   optimistic      everything is sent. RS- refuses a subject, A- an account; RS+ and A+ withdraw that.
//   transitioning   INFO command 2 has come: each RS+ is kept, and everything is still sent.
//   interest-only   INFO command 3 has come: only what an RS+ asks for is sent.
//
// Interest of queue groups is announced in every mode.
// Source: server/gateway.go 2.0.0-RC19 and 2.15.3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "gateway/gateway_snapshot.h"

namespace nuring::account {
class Account;
}

namespace nuring::gateway {

// OutboundInterest is what the far cluster wants, at the end that sends messages: per account the mode and,
// in the first two modes, the subjects that were refused. The subscriptions themselves stand in an
// InterestStore, among them one to everything for each account of which everything is sent.
//
// Threads:  the worker of its link.
// Limits:   kRefusedMax refused subjects of kRefusedBytesMax in all; further ones are still sent, which the
//           other side bears.
// Errors:   subscribe() reports what is no pattern.
// Lifetime: of its link; borrows the store and the accounts.
class OutboundInterest {
  public:
    static constexpr size_t kRefusedMax = 65536;
    static constexpr size_t kRefusedBytesMax = 16 * 1024 * 1024;

    // The store of the subscriptions. A plain one has no queue.
    class Store {
      public:
        // The pattern is valid. False: it was there.
        virtual bool add(account::Account& account, std::string_view pattern, std::string_view queue) = 0;
        // False: it was not there.
        virtual bool remove(account::Account& account, std::string_view pattern, std::string_view queue) = 0;
        // All plain ones of the account.
        virtual void remove_plain(account::Account& account) = 0;

      protected:
        ~Store() = default;
    };

    // interest_only: the other side announces all interest from the start (INFO gateway_iom, 2.9).
    OutboundInterest(Store& store, bool interest_only) : store_(store), interest_only_(interest_only) {}

    // There is such an account here. Repeated calls change nothing.
    void begin(account::Account& account) { (void)entry(account); }

    void on_account_refused(account::Account& account);    // A-
    void on_account_wanted(account::Account& account);     // A+
    [[nodiscard]] bool subscribe(account::Account& account, std::string_view pattern,
                                 std::string_view queue);  // RS+
    void unsubscribe(account::Account& account, std::string_view pattern, std::string_view queue);  // RS-
    void begin_switch(account::Account& account);          // INFO command 2
    void end_switch(account::Account& account);            // INFO command 3

    // Of a message that plain interest in the store has let through: was its subject refused?
    bool refuses(account::Account& account, std::string_view subject) const;

    struct Facts {
        InterestMode mode = InterestMode::kOptimistic;
        bool is_refused = false;  // A-
        size_t refused_subjects = 0;
        size_t plain = 0;
        size_t queues = 0;
    };
    template <typename Visit>
    void for_each(Visit&& visit) const {
        for (const auto& [account, entry] : entries_) visit(*account, facts_of(entry));
    }
    Facts facts(account::Account& account) const;

  private:
    struct Entry {
        InterestMode mode = InterestMode::kOptimistic;
        bool is_refused = false;
        bool is_everything_stored = false;
        bool asks_for_everything = false;  // a plain RS+ to ">" stands
        absl::flat_hash_set<std::string> refused;
        size_t refused_bytes = 0;
        size_t plain = 0;
        size_t queues = 0;
    };

    static Facts facts_of(const Entry& entry);
    Entry& entry(account::Account& account);
    void update_everything(account::Account& account, Entry& entry);
    void forget_refused(Entry& entry);
    void accept_again(Entry& entry, std::string_view pattern);

    Store& store_;
    const bool interest_only_;
    absl::flat_hash_map<account::Account*, Entry> entries_;
    size_t refused_count_ = 0;  // over all accounts
    size_t refused_bytes_ = 0;  // likewise
};

// InboundInterest is the interest announced to the far cluster, at the end that receives. It decides which
// line goes out when the interest of this cluster changes, or when a message comes that nobody here wants.
// The caller reads the interest first, so that lines may be repeated, but never stay wrong.
//
// Threads:  the worker of its link.
// Limits:   kRefusedSubjectsMax per account, then the account switches to interest-only;
//           kRefusedAccountsMax, of kRefusedAccountsBytesMax.
// Errors:   none.
// Lifetime: of its link; borrows the sender and the accounts.
class InboundInterest {
  public:
    static constexpr size_t kRefusedSubjectsMax = 1000;
    static constexpr size_t kRefusedAccountsMax = 65536;
    static constexpr size_t kRefusedAccountsBytesMax = 16 * 1024 * 1024;

    class Sender {
      public:
        virtual void send_change(account::Account& account, std::string_view pattern, std::string_view queue,
                                 bool is_wanted) = 0;                             // RS+, RS-
        virtual void send_account(std::string_view account, bool is_wanted) = 0;  // A+, A-
        // Announces all plain interest of the account between INFO commands 2 and 3, and then calls
        // end_switch(): maybe at once, maybe in slices.
        virtual void start_switch(account::Account& account) = 0;

      protected:
        ~Sender() = default;
    };

    explicit InboundInterest(Sender& sender) : sender_(sender) {}

    // The interest in a pattern may have changed; is_wanted: somebody in this cluster subscribes to it.
    void on_change(account::Account& account, std::string_view pattern, std::string_view queue,
                   bool is_wanted);
    // A message has come for an account that does not exist here.
    void on_unknown_account(std::string_view account);
    // A message has come that no plain subscription wants. has_interest: the account has any subscription.
    void on_unwanted(account::Account& account, std::string_view subject, bool has_interest);
    // Leaves the optimistic mode, if the account is in it.
    void switch_account(account::Account& account);
    void end_switch(account::Account& account);

    InterestMode mode(account::Account& account) const;
    bool is_refused(std::string_view account) const;  // A- stands
    size_t refused_subjects(account::Account& account) const;
    template <typename Visit>
    void for_each(Visit&& visit) const {
        for (const auto& [account, entry] : entries_) visit(*account, entry.mode, entry.refused.size());
    }

  private:
    struct Entry {
        InterestMode mode = InterestMode::kOptimistic;
        absl::flat_hash_set<std::string> refused;
        absl::flat_hash_set<std::string> queues;  // announced: "<pattern> <queue>"
    };

    void change_queue(account::Account& account, Entry& entry, std::string_view pattern,
                      std::string_view queue, bool is_wanted);
    bool forget_refused(Entry& entry, std::string_view pattern);
    void refuse_account(std::string_view account);
    bool forget_refused_account(std::string_view account);

    Sender& sender_;
    absl::flat_hash_map<account::Account*, Entry> entries_;
    absl::flat_hash_set<std::string> refused_accounts_;  // A- was sent
    size_t refused_accounts_bytes_ = 0;
};

}  // namespace nuring::gateway

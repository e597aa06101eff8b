// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "core/auth/account_directory.h"
#include "core/auth/account_resolver.h"
#include "core/auth/claims.h"
#include "core/config/options.h"
#include "core/config/source.h"

namespace nuring::auth {

// An account as a trusted operator has signed it.
struct TrustedAccount {
    std::string token;
    AccountClaims claims;
    int64_t loaded_s = 0;  // Unix seconds

    bool expired(int64_t now_s) const {
        return claims.head.expires != 0 && claims.head.expires <= now_s;
    }
};
using TrustedAccountPtr = std::shared_ptr<const TrustedAccount>;

// The change of an account that was loaded.
enum class TrustChange : uint8_t { kLoaded, kUpdated, kRemoved };

// A prepared reload; no resolver: the former one stays as it is.
struct TrustUpdate {
    config::OperatorOptions options;
    std::shared_ptr<AccountResolver> resolver;
};

// Accounts in the form that the account layer takes.
struct TrustedAccounts {
    std::vector<config::AccountOptions> options;
    // When the options change by themselves, because an activation token ends. 0: never.
    int64_t next_expiry_s = 0;
};

// Trust is what a server in operator mode believes: the keys of its operators, and the claims of the
// accounts met so far, which come from a resolver when they are first asked for.
//
// Threads: any. load(), update(), prepare() and refresh() may block, these and account_options() verify
//          signatures: jobs threads or the control thread; the others look up under a lock.
// Limits:  one entry per account that a trusted operator has signed and somebody asked for; exporters
//          named in imports are loaded with the account, kExportersMax of them; so are activation tokens
//          behind a URL, kActivationFetchesMax of them.
// Errors:  "account missing", "account validation failed", what the resolver says.
// Lifetime: as long as the server; reloads go through prepare(), apply() and refresh().
// Source:  server/server.go and accounts.go 2.9.10 (verifyAccountClaims, fetchAccount, updateAccount).
class Trust {
  public:
    static constexpr size_t kExportersMax = 1000;
    static constexpr size_t kActivationFetchesMax = 8;  // of one account, up to 2 s each

    // Called by the thread that changed something, before the change shows in what that call returns. It may
    // call the functions of Trust, but not set_listener().
    using Listener = std::function<void(const std::string& account, TrustChange change)>;

    // Reads operators and preloads, opens the resolver.
    static absl::StatusOr<std::shared_ptr<Trust>> create(const config::OperatorOptions& options,
                                                         const config::Sources& sources);

    // When it returns, nobody calls the former one any more.
    void set_listener(Listener listener);

    const std::vector<OperatorClaims>& operators() const { return operators_; }
    bool trusts(const std::string& issuer) const { return keys_.contains(issuer); }
    // Do the users of accounts signed with that key need a signing key as issuer?
    bool is_strict(const std::string& issuer) const { return strict_keys_.contains(issuer); }

    // May users of that account log in here? (resolver_pinned_accounts)
    bool admits(const std::string& account) const;

    // How often loaded claims have been replaced or removed: a verdict is good while this stays.
    uint64_t change_count() const { return change_count_.load(std::memory_order_acquire); }

    // The account as loaded before; null: not yet.
    TrustedAccountPtr find(const std::string& account) const;
    // The account as the resolver has it, unless it was asked less than a second ago.
    absl::StatusOr<TrustedAccountPtr> load(const std::string& account, int64_t now_s);
    // A newer token of an account, whoever sends it: verified, stored, and taken over if the account is
    // loaded. If it is not, only a full directory keeps it; else the answer is kNotFound.
    absl::Status update(const std::string& account, const std::string& token, int64_t now_s);
    // Deletes an account's file, and the account with it. Errors: those of AccountDirectory.
    absl::Status remove_stored(AccountDirectory& directory, const std::string& account);
    // The resolver's directory; null: it has none.
    std::shared_ptr<AccountDirectory> directory() const;
    // A reload, in three steps: other preloads, files, or another URL. prepare() does all that can fail
    // and changes nothing; apply() takes it over; refresh() reads the loaded accounts again, and removes
    // those that the resolver has no more. A URL that stays is not asked: it pushes changes by itself.
    absl::StatusOr<TrustUpdate> prepare(const config::OperatorOptions& options) const;
    enum class Refresh : uint8_t { kNone, kQuick, kSlow };  // kSlow: a URL is asked, up to 2 s per account
    Refresh apply(TrustUpdate update);
    void refresh(int64_t now_s);

    // All loaded accounts, with their imports as the activation tokens allow them now.
    TrustedAccounts account_options(int64_t now_s) const;

  private:
    Trust() = default;

    absl::StatusOr<TrustedAccountPtr> verified(const std::string& account, std::string token,
                                               int64_t now_s) const;
    absl::StatusOr<TrustedAccountPtr> fetch(const std::string& account, int64_t now_s);
    void load_exporters(const TrustedAccount& importer, int64_t now_s);
    void keep(const TrustedAccountPtr& account);
    void remove(const std::string& account);
    void notify(const std::string& account, TrustChange change) const;

    std::vector<OperatorClaims> operators_;
    absl::flat_hash_set<std::string> keys_;
    absl::flat_hash_set<std::string> strict_keys_;
    mutable std::shared_mutex listener_mutex_;  // shared: during a call
    Listener listener_;                         // guarded by listener_mutex_

    std::atomic<uint64_t> change_count_{0};  // release after the change, acquire by who reads it
    mutable std::mutex mutex_;
    absl::flat_hash_set<std::string> pinned_;                       // guarded by mutex_; empty: all
    config::OperatorOptions options_;                               // guarded by mutex_
    std::shared_ptr<AccountResolver> resolver_;                     // guarded by mutex_
    absl::flat_hash_map<std::string, TrustedAccountPtr> accounts_;  // guarded by mutex_
};

}  // namespace nuring::auth

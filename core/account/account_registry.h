// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/account/account.h"
#include "core/config/options.h"

namespace nuring::account {

// The values before a change. Workers may be using them: they must be kept until each worker has run a
// control task that was posted after the change (the server posts one with a copy of this to every worker).
using Retired = std::shared_ptr<const std::vector<std::shared_ptr<const Exchange>>>;

// AccountList is a snapshot of all accounts, sorted by name. They stay until the server ends.
// Threads: any; lists of one snapshot share it.
class AccountList {
  public:
    using Accounts = std::vector<Account*>;
    explicit AccountList(std::shared_ptr<const Accounts> accounts) : accounts_(std::move(accounts)) {}

    Accounts::const_iterator begin() const { return accounts_->begin(); }
    Accounts::const_iterator end() const { return accounts_->end(); }
    size_t size() const { return accounts_->size(); }

  private:
    std::shared_ptr<const Accounts> accounts_;
};

// AccountRegistry owns the accounts of one server. An account, once made, stays until the server ends,
// so that records in flight and cached matches may name it.
// Threads: any; find_or_create() locks, and is called once per login, never per message. apply() and
//          update() on the control thread or a jobs thread, while the workers run.
// Errors:  an import that its exporter does not admit, or that cannot be carried out, is left out. A
//          configuration with such an import was refused before; claims may have them.
// Limits:  the accounts that the configuration, claims, logins and (in operator mode) other servers name.
class AccountRegistry {
  public:
    // hash_seed: unknown to peers, so that they cannot aim at collisions. `feed` null: changes of interest
    // are announced to nobody.
    AccountRegistry(uint32_t worker_count, uint64_t hash_seed, InterestFeed* feed = nullptr);

    Account& global() { return *global_; }
    // Every other account imports a few services of that one without any configuration (system_services.h).
    // Once, before the first apply().
    void set_system_account(Account& account);
    bool is_system(const Account& account) const { return &account == system_; }
    // The account of that name; empty: the global one.
    Account& find_or_create(std::string_view name);
    // Null if there is none.
    Account* find(std::string_view name);
    // Cheap unless an account has come since the last call: gateways go over all accounts in every turn.
    AccountList list();
    // The options of that account by configuration or claims; nothing if there is none.
    config::AccountOptions options_of(std::string_view name);

    // The accounts of a whole configuration; those that it does not name lose what they had. Its cluster name
    // counts, if it has one.
    [[nodiscard]] Retired apply(const config::Options& options);
    // All accounts that claims describe; others lose what they had. Only accounts are touched that have
    // changed, or that import from one that has.
    [[nodiscard]] Retired update(const std::vector<config::AccountOptions>& accounts);
    // The cluster has another name: mappings may have other targets there. Null: no account has such.
    [[nodiscard]] Retired set_cluster_name(std::string_view name);

  private:
    struct Entry {
        std::unique_ptr<Account> account;
        config::AccountOptions options;
    };
    using Replaced = std::vector<std::shared_ptr<const Exchange>>;

    Entry& entry(std::string_view name);
    void rebuild(Entry& entry, Replaced* replaced);
    void replace(Account& account, std::shared_ptr<const Exchange> exchange, Replaced* replaced);
    void add_streams(const Entry& entry, Exchange* exchange);
    void add_services(const Entry& entry, Exchange* exchange);
    void add_system_services(const Entry& entry, Exchange* exchange);

    const uint32_t worker_count_;
    const uint64_t hash_seed_;
    InterestFeed* const feed_;
    std::mutex mutex_;
    std::string cluster_name_;  // for mappings; guarded by mutex_
    absl::flat_hash_map<std::string, Entry> accounts_;  // guarded by mutex_
    std::shared_ptr<const AccountList::Accounts> listed_;  // guarded by mutex_; null: an account has come
    Account* global_ = nullptr;  // fixed by the constructor
    Account* system_ = nullptr;  // null: none; fixed before the workers start
};

}  // namespace nuring::account

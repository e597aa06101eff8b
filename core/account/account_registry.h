// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/account/account.h"

namespace nuring::account {

// AccountRegistry owns the accounts of one server. An account, once made, stays until the server ends,
// so that records in flight and cached matches may name it.
// Threads: any; find_or_create() locks, and is called once per login, never per message.
// Errors: none. Limits: as many accounts as the configuration names.
class AccountRegistry {
  public:
    // hash_seed: unknown to peers, so that they cannot aim at collisions.
    AccountRegistry(uint32_t worker_count, uint64_t hash_seed);

    Account& global() { return *global_; }
    // The account of that name; empty: the global one.
    Account& find_or_create(std::string_view name);
    // Null if there is none.
    Account* find(std::string_view name);
    // All there are, by name.
    std::vector<Account*> list();

  private:
    const uint32_t worker_count_;
    const uint64_t hash_seed_;
    std::mutex mutex_;
    absl::flat_hash_map<std::string, std::unique_ptr<Account>> accounts_;  // guarded by mutex_
    Account* global_ = nullptr;
};

}  // namespace nuring::account

// SPDX-License-Identifier: Apache-2.0
#include "core/account/account_registry.h"

#include <algorithm>

namespace nuring::account {

AccountRegistry::AccountRegistry(uint32_t worker_count, uint64_t hash_seed)
    : worker_count_(worker_count), hash_seed_(hash_seed) {
    interest::SublistOptions options = interest::SublistOptions::large(worker_count);
    options.hash_seed = hash_seed_;
    auto global = std::make_unique<Account>(std::string(kGlobalAccount), options);
    global_ = global.get();
    accounts_.emplace(global->name(), std::move(global));
}

Account& AccountRegistry::find_or_create(std::string_view name) {
    if (name.empty()) return *global_;
    const std::lock_guard lock(mutex_);
    std::unique_ptr<Account>& place = accounts_[std::string(name)];
    if (place == nullptr) {
        interest::SublistOptions options;
        options.worker_count = worker_count_;
        options.hash_seed = hash_seed_ + accounts_.size();
        place = std::make_unique<Account>(std::string(name), options);
    }
    return *place;
}

Account* AccountRegistry::find(std::string_view name) {
    const std::lock_guard lock(mutex_);
    const auto found = accounts_.find(std::string(name));
    return found == accounts_.end() ? nullptr : found->second.get();
}

std::vector<Account*> AccountRegistry::list() {
    std::vector<Account*> all;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [name, account] : accounts_) all.push_back(account.get());
    }
    std::sort(all.begin(), all.end(),
              [](const Account* a, const Account* b) { return a->name() < b->name(); });
    return all;
}

}  // namespace nuring::account

// SPDX-License-Identifier: Apache-2.0
#include "core/account/account_registry.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "core/account/system_services.h"
#include "core/base/status.h"
#include "core/config/exports.h"
#include "proto/subject.h"

namespace nuring::account {
namespace {

// The import in `before` that was made from the same options; null: there is none.
template <class Import, class Same>
std::shared_ptr<const Import> find_same(const std::vector<std::shared_ptr<const Import>>& before,
                                        Same&& same) {
    const auto found = std::find_if(before.begin(), before.end(),
                                    [&](const auto& import) { return same(*import); });
    return found == before.end() ? nullptr : *found;
}

bool contains(const std::vector<std::shared_ptr<const ServiceImport>>& services,
              const std::shared_ptr<const ServiceImport>& service) {
    return std::find(services.begin(), services.end(), service) != services.end();
}

}  // namespace

AccountRegistry::AccountRegistry(uint32_t worker_count, uint64_t hash_seed, InterestFeed* feed)
    : worker_count_(worker_count), hash_seed_(hash_seed), feed_(feed) {
    assert(worker_count_ > 0);
    interest::SublistOptions options = interest::SublistOptions::large(worker_count);
    options.hash_seed = hash_seed_;
    Entry& global = accounts_[std::string(kGlobalAccount)];
    global.account = std::make_unique<Account>(std::string(kGlobalAccount), options, feed_);
    global_ = global.account.get();
}

void AccountRegistry::set_system_account(Account& account) {
    const std::lock_guard lock(mutex_);
    assert(system_ == nullptr);
    system_ = &account;
    account.listen_for_replies();  // before it could be announced to a server by itself
}

AccountRegistry::Entry& AccountRegistry::entry(std::string_view name) {
    Entry& found = accounts_[std::string(name)];
    if (found.account == nullptr) {
        interest::SublistOptions options;
        options.worker_count = worker_count_;
        options.hash_seed = hash_seed_ + accounts_.size();
        found.account = std::make_unique<Account>(std::string(name), options, feed_);
        listed_ = nullptr;
        Replaced replaced;  // which nobody uses yet
        if (system_ != nullptr) rebuild(found, &replaced);
    }
    assert(found.account->name() == name);
    return found;
}

Account& AccountRegistry::find_or_create(std::string_view name) {
    if (name.empty()) return *global_;
    const std::lock_guard lock(mutex_);
    return *entry(name).account;
}

config::AccountOptions AccountRegistry::options_of(std::string_view name) {
    const std::lock_guard lock(mutex_);
    const auto found = accounts_.find(base::absl_view(name));
    return found == accounts_.end() ? config::AccountOptions() : found->second.options;
}

Retired AccountRegistry::apply(const config::Options& options) {
    const std::lock_guard lock(mutex_);
    // Otherwise the name is made up, or that of other servers: set_cluster_name().
    if (const std::string& name = options.configured_cluster_name(); !name.empty()) cluster_name_ = name;
    if (!options.trust.active()) {  // else their claims say what they are
        for (auto& [name, entry] : accounts_) entry.options = {};
    }
    for (const config::AccountOptions& account : options.accounts) {
        entry(account.name).options = account;
        for (const config::AccountImport& import : account.imports) (void)entry(import.account);
    }
    // A member of a cluster without accounts: everybody may ask the JetStream of the others.
    const bool is_bare =
        std::all_of(options.accounts.begin(), options.accounts.end(), [this](const auto& each) {
            return system_ != nullptr && each.name == system_->name();
        });
    const bool has_servers = options.cluster.port != 0 || options.gateway.configured();
    entry(kGlobalAccount).options.jetstream = is_bare && has_servers && !options.trust.active();
    entry(kGlobalAccount).options.mappings = options.mappings;
    auto replaced = std::make_shared<Replaced>();
    for (auto& [name, entry] : accounts_) rebuild(entry, replaced.get());
    return replaced;
}

Retired AccountRegistry::update(const std::vector<config::AccountOptions>& accounts) {
    const std::lock_guard lock(mutex_);
    absl::flat_hash_set<std::string> named;
    absl::flat_hash_set<std::string> changed;
    for (const config::AccountOptions& account : accounts) {
        named.insert(account.name);
        for (const config::AccountImport& import : account.imports) (void)entry(import.account);
        Entry& known = entry(account.name);
        if (known.options == account) continue;
        known.options = account;
        changed.insert(account.name);
    }
    for (auto& [name, entry] : accounts_) {
        const bool is_bare = entry.options == config::AccountOptions();
        if (is_bare || named.contains(name) || entry.account.get() == global_) continue;
        entry.options = {};
        changed.insert(name);
    }
    auto replaced = std::make_shared<Replaced>();
    for (auto& [name, entry] : accounts_) {
        const auto& imports = entry.options.imports;
        const bool concerned = changed.contains(name) ||
                               std::any_of(imports.begin(), imports.end(), [&](const auto& import) {
                                   return changed.contains(import.account);
                               });
        if (concerned) rebuild(entry, replaced.get());
    }
    return replaced;
}

Retired AccountRegistry::set_cluster_name(std::string_view name) {
    const std::lock_guard lock(mutex_);
    if (name == cluster_name_) return nullptr;
    cluster_name_ = name;
    const auto depends_on_it = [](const config::SubjectMapping& mapping) {
        return std::any_of(mapping.targets.begin(), mapping.targets.end(),
                           [](const config::MappingTarget& target) { return !target.cluster.empty(); });
    };
    auto replaced = std::make_shared<Replaced>();
    for (auto& [account, entry] : accounts_) {
        const auto& mappings = entry.options.mappings;
        if (std::any_of(mappings.begin(), mappings.end(), depends_on_it)) rebuild(entry, replaced.get());
    }
    return replaced->empty() ? nullptr : replaced;
}

void AccountRegistry::rebuild(Entry& entry, Replaced* replaced) {
    assert(entry.account != nullptr);
    assert(replaced != nullptr);
    auto exchange = std::make_shared<Exchange>();
    add_streams(entry, exchange.get());
    add_services(entry, exchange.get());
    if (system_ != nullptr && entry.account.get() != system_) add_system_services(entry, exchange.get());
    exchange->mappings = SubjectMap(entry.options.mappings, cluster_name_);
    exchange->limits = entry.options.limits;
    for (const config::AccountExport& each : entry.options.exports) {
        if (each.kind != config::ExchangeKind::kService) continue;
        exchange->exports.push_back({each.subject, response_threshold_ns(each)});
    }
    replace(*entry.account, std::move(exchange), replaced);
}

const ServiceExport* Exchange::find_export(std::string_view subject) const {
    const auto found = std::find_if(exports.begin(), exports.end(), [&](const ServiceExport& each) {
        return proto::matches_literal(subject, each.pattern);
    });
    return found == exports.end() ? nullptr : &*found;
}

void AccountRegistry::add_streams(const Entry& entry, Exchange* exchange) {
    const Exchange& before = *entry.account->owned_;
    for (const config::AccountImport& wanted : entry.options.imports) {
        if (wanted.kind != config::ExchangeKind::kStream) continue;
        assert(accounts_.contains(wanted.account));
        const Entry& exporter = accounts_.at(wanted.account);
        if (!config::admitting_export(exporter.options, wanted, entry.account->name())) continue;
        auto import = find_same(before.streams, [&](const StreamImport& other) {
            return other.options() == wanted;
        });
        if (import == nullptr) import = StreamImport::create(wanted, *exporter.account);
        if (import != nullptr) exchange->streams.push_back(std::move(import));
    }
}

void AccountRegistry::add_services(const Entry& entry, Exchange* exchange) {
    const Exchange& before = *entry.account->owned_;
    for (const config::AccountImport& wanted : entry.options.imports) {
        if (wanted.kind != config::ExchangeKind::kService) continue;
        assert(accounts_.contains(wanted.account));
        const Entry& exporter = accounts_.at(wanted.account);
        const config::AccountExport* exported =
            config::admitting_export(exporter.options, wanted, entry.account->name());
        if (exported == nullptr) continue;
        auto import = find_same(before.services, [&](const ServiceImport& other) {
            return other.options() == wanted && other.exported() == *exported;
        });
        if (import == nullptr) import = ServiceImport::create(wanted, *exported, *exporter.account);
        if (import == nullptr) continue;
        // A reply may itself have a reply, so both sides listen.
        exporter.account->listen_for_replies();
        entry.account->listen_for_replies();
        exchange->services.push_back(std::move(import));
    }
}

// An import of the same name in the configuration takes precedence.
void AccountRegistry::add_system_services(const Entry& entry, Exchange* exchange) {
    assert(system_ != nullptr);
    assert(entry.account.get() != system_);
    const Exchange& before = *entry.account->owned_;
    for (const SystemService& service :
         system_services(entry.account->name(), system_->name(), entry.options.jetstream)) {
        const auto is_named = [&](const auto& each) {
            return each->subscription()->subject() == service.import.to;
        };
        if (std::any_of(exchange->services.begin(), exchange->services.end(), is_named)) continue;
        auto import = find_same(before.services, [&](const ServiceImport& other) {
            return other.options() == service.import && other.exported() == service.exported;
        });
        if (import == nullptr) import = ServiceImport::create(service.import, service.exported, *system_);
        if (import == nullptr) continue;
        exchange->services.push_back(std::move(import));
    }
}

// A request finds the old import, the new one, or for a moment none; never both.
void AccountRegistry::replace(Account& account, std::shared_ptr<const Exchange> exchange,
                              Replaced* replaced) {
    const std::shared_ptr<const Exchange> before = account.owned_;
    assert(before != nullptr);
    assert(exchange != nullptr);
    for (const auto& service : before->services) {
        if (!contains(exchange->services, service)) {
            account.sublist().remove(service->subscription());
        }
    }
    account.owned_ = std::move(exchange);
    // release: pairs with Account::exchange()
    account.exchange_.store(account.owned_.get(), std::memory_order_release);
    for (const auto& service : account.owned_->services) {
        if (!contains(before->services, service)) {
            account.sublist().insert(service->subscription());
        }
    }
    replaced->push_back(before);
}

Account* AccountRegistry::find(std::string_view name) {
    const std::lock_guard lock(mutex_);
    const auto found = accounts_.find(std::string(name));
    return found == accounts_.end() ? nullptr : found->second.account.get();
}

AccountList AccountRegistry::list() {
    const std::lock_guard lock(mutex_);
    if (listed_ == nullptr) {
        AccountList::Accounts all;
        all.reserve(accounts_.size());
        for (const auto& [name, entry] : accounts_) all.push_back(entry.account.get());
        std::sort(all.begin(), all.end(),
                  [](const Account* a, const Account* b) { return a->name() < b->name(); });
        listed_ = std::make_shared<const AccountList::Accounts>(std::move(all));
    }
    return AccountList(listed_);
}

}  // namespace nuring::account

// SPDX-License-Identifier: Apache-2.0
#include "core/auth/trust.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/auth/claims_check.h"
#include "core/auth/http_get.h"
#include "core/auth/jwt.h"
#include "core/auth/nkey.h"
#include "core/auth/operators.h"
#include "core/base/status.h"
#include "fmt/format.h"

namespace nuring::auth {
namespace {

absl::Status invalid() {
    return absl::PermissionDeniedError("account validation failed");
}

absl::Status check_preloads(const config::OperatorOptions& options) {
    for (const auto& [account, token] : options.preload) {
        if (!is_public_nkey(account, NkeyKind::kAccount)) {
            return absl::InvalidArgumentError(
                fmt::format("preloaded Account: \"{}\" is not an account public key", account));
        }
        if (const auto claims = decode_account(token); !claims.ok()) {
            return absl::InvalidArgumentError(
                fmt::format("preloaded Account: {}", base::message_of(claims.status())));
        }
    }
    return absl::OkStatus();
}

// Claims as the account layer takes them, without the imports' activation.
config::AccountOptions to_options(const AccountClaims& claims) {
    config::AccountOptions account;
    account.name = claims.head.subject;
    account.nkey = claims.head.subject;
    account.mappings = claims.mappings;
    account.limits = {.connections = config::account_limit(claims.limits.connections),
                      .subscriptions = config::account_limit(claims.limits.nats.subscriptions),
                      .payload = config::account_limit(claims.limits.nats.payload),
                      .leafnodes = config::account_limit(claims.limits.leafnodes)};
    for (const ExportClaim& each : claims.exports) account.exports.push_back(each.exported);
    return account;
}

// The claims of the import's activation token, verified; nothing: it has no good one.
std::optional<ActivationClaims> decode_activation_of(const ImportClaim& import) {
    if (import.token.empty()) return std::nullopt;
    auto activation = decode_activation(import.token);
    if (!activation.ok()) return std::nullopt;
    return *std::move(activation);
}

// Keeps the earlier one; 0 means never.
void note_expiry(int64_t expires_s, int64_t* next_s) {
    if (expires_s == 0) return;
    if (*next_s == 0 || expires_s < *next_s) *next_s = expires_s;
}

// An activation token may lie behind a URL, as 2.0.0-RC19 takes it (2.9.10 refuses such an account). What
// cannot be fetched activates nothing until the account's claims are read again.
void fetch_activations(AccountClaims* claims) {
    size_t left = Trust::kActivationFetchesMax;
    for (ImportClaim& each : claims->imports) {
        const bool is_url = each.token.starts_with("http://") || each.token.starts_with("https://");
        if (!is_url || left == 0) continue;
        --left;
        const auto token = http_get(each.token);
        each.token = token.ok() ? std::string(undecorate_jwt(*token)) : std::string();
    }
}

}  // namespace

namespace {

// A user of a scoped key is checked when it is used.
// Source: validateTrustedOperators in server/jwt.go 2.15.3.
absl::Status check_sentinel(const config::OperatorOptions& options) {
    if (options.default_sentinel.empty()) return absl::OkStatus();
    const auto user = decode_user(options.default_sentinel);
    if (!user.ok()) return absl::InvalidArgumentError("default sentinel JWT not valid");
    const bool may_be_scoped = !user->issuer_account.empty() && user->rights == UserRights();
    if (user->rights.bearer_token || may_be_scoped) return absl::OkStatus();
    return absl::InvalidArgumentError("default sentinel must be a bearer token");
}

}  // namespace

absl::StatusOr<std::shared_ptr<Trust>> Trust::create(const config::OperatorOptions& options,
                                                     const config::Sources& sources) {
    const std::shared_ptr<Trust> trust(new Trust());
    auto operators = read_operators(options, sources);
    if (!operators.ok()) {
        return absl::InvalidArgumentError(
            fmt::format("error parsing operator JWT: {}", base::message_of(operators.status())));
    }
    trust->operators_ = *std::move(operators);
    trust->keys_.insert(options.trusted_keys.begin(), options.trusted_keys.end());
    trust->pinned_.insert(options.pinned_accounts.begin(), options.pinned_accounts.end());
    for (const OperatorClaims& each : trust->operators_) {
        const auto& keys = each.signing_keys;
        trust->keys_.insert(keys.begin(), keys.end());
        if (each.strict_signing_key_usage) {
            trust->strict_keys_.insert(keys.begin(), keys.end());
        } else {
            trust->keys_.insert(each.head.subject);
        }
    }
    if (auto checked = check_sentinel(options); !checked.ok()) return checked;
    if (auto checked = check_preloads(options); !checked.ok()) return checked;
    auto resolver = AccountResolver::create(options);
    if (!resolver.ok()) return resolver.status();
    trust->resolver_ = *std::move(resolver);
    trust->options_ = options;
    return trust;
}

bool Trust::admits(const std::string& account) const {
    const std::lock_guard lock(mutex_);
    return pinned_.empty() || pinned_.contains(account);
}

TrustedAccountPtr Trust::find(const std::string& account) const {
    const std::lock_guard lock(mutex_);
    const auto found = accounts_.find(account);
    return found == accounts_.end() ? nullptr : found->second;
}

absl::StatusOr<TrustedAccountPtr> Trust::verified(const std::string& account, std::string token,
                                                  int64_t now_s) const {
    auto claims = decode_account(token);
    if (!claims.ok()) return claims.status();
    // A subject that is no account's key (an operator may sign anything) must not become a file's name.
    const bool good = trusts(claims->head.issuer) && claims->head.subject == account &&
                      is_public_nkey(account, NkeyKind::kAccount) &&
                      faults_of(*claims, now_s).empty();
    if (!good) return invalid();
    fetch_activations(&*claims);
    return std::make_shared<const TrustedAccount>(
        TrustedAccount{.token = std::move(token), .claims = *std::move(claims), .loaded_s = now_s});
}

absl::StatusOr<TrustedAccountPtr> Trust::fetch(const std::string& account, int64_t now_s) {
    if (!is_public_nkey(account, NkeyKind::kAccount)) {
        return absl::NotFoundError("account missing");
    }
    std::shared_ptr<AccountResolver> resolver;
    {
        const std::lock_guard lock(mutex_);
        resolver = resolver_;
    }
    auto token = resolver->fetch(account, now_s);
    if (!token.ok()) return token.status();
    return verified(account, std::string(undecorate_jwt(*token)), now_s);
}

absl::StatusOr<TrustedAccountPtr> Trust::load(const std::string& account, int64_t now_s) {
    if (const TrustedAccountPtr known = find(account); known != nullptr) {
        if (!known->expired(now_s) || now_s <= known->loaded_s) return known;
    }
    auto fresh = fetch(account, now_s);
    if (!fresh.ok()) return fresh.status();
    load_exporters(**fresh, now_s);
    keep(*fresh);
    return *fresh;
}

// Their accounts must exist before the imports are wired. Breadth first, each once.
void Trust::load_exporters(const TrustedAccount& importer, int64_t now_s) {
    absl::flat_hash_set<std::string> seen = {importer.claims.head.subject};
    std::vector<std::string> wanted;
    const auto note = [&](const AccountClaims& claims) {
        for (const ImportClaim& each : claims.imports) {
            if (seen.size() < kExportersMax && seen.insert(each.imported.account).second) {
                wanted.push_back(each.imported.account);
            }
        }
    };
    note(importer.claims);
    for (size_t i = 0; i < wanted.size(); ++i) {
        if (find(wanted[i]) != nullptr) continue;
        const auto exporter = fetch(wanted[i], now_s);
        if (!exporter.ok()) continue;  // its import stays without effect, until it is loaded
        note((*exporter)->claims);
        keep(*exporter);
    }
}

void Trust::keep(const TrustedAccountPtr& account) {
    const std::string& name = account->claims.head.subject;
    TrustChange change = TrustChange::kLoaded;
    {
        const std::lock_guard lock(mutex_);
        TrustedAccountPtr& place = accounts_[name];
        const bool same = place != nullptr && place->token == account->token;
        if (place != nullptr) change = TrustChange::kUpdated;
        place = account;
        if (same) return;
    }
    if (change == TrustChange::kUpdated) {
        change_count_.fetch_add(1, std::memory_order_release);
    }
    notify(name, change);
}

void Trust::remove(const std::string& account) {
    {
        const std::lock_guard lock(mutex_);
        accounts_.erase(account);
    }
    change_count_.fetch_add(1, std::memory_order_release);
    notify(account, TrustChange::kRemoved);
}

void Trust::set_listener(Listener listener) {
    const std::unique_lock lock(listener_mutex_);
    listener_ = std::move(listener);
}

void Trust::notify(const std::string& account, TrustChange change) const {
    const std::shared_lock lock(listener_mutex_);
    if (listener_) listener_(account, change);
}

absl::Status Trust::update(const std::string& account, const std::string& token, int64_t now_s) {
    auto fresh = verified(account, token, now_s);
    if (!fresh.ok()) return fresh.status();
    std::shared_ptr<AccountResolver> resolver;
    bool loaded = false;
    {
        const std::lock_guard lock(mutex_);
        resolver = resolver_;
        loaded = accounts_.contains(account);
    }
    if (!loaded && !resolver->keeps_all()) return absl::NotFoundError("account is not loaded");
    const absl::Status stored = resolver->store(account, token, now_s);
    // A URL keeps its tokens itself, and pushes them to the servers.
    if (!stored.ok() && !absl::IsUnimplemented(stored)) return stored;
    if (!loaded) return absl::OkStatus();
    load_exporters(**fresh, now_s);
    keep(*fresh);
    return absl::OkStatus();
}

absl::Status Trust::remove_stored(AccountDirectory& directory, const std::string& account) {
    if (auto removed = directory.remove(account); !removed.ok()) return removed;
    if (find(account) != nullptr) remove(account);
    return absl::OkStatus();
}

std::shared_ptr<AccountDirectory> Trust::directory() const {
    const std::lock_guard lock(mutex_);
    return {resolver_, resolver_->directory()};
}

absl::StatusOr<TrustUpdate> Trust::prepare(const config::OperatorOptions& options) const {
    {
        const std::lock_guard lock(mutex_);
        if (options.resolver == config::ResolverKind::kUrl && options == options_) {
            return TrustUpdate{};
        }
    }
    if (auto checked = check_sentinel(options); !checked.ok()) return checked;
    if (auto checked = check_preloads(options); !checked.ok()) return checked;
    auto resolver = AccountResolver::create(options);
    if (!resolver.ok()) return resolver.status();
    return TrustUpdate{options, *std::move(resolver)};
}

Trust::Refresh Trust::apply(TrustUpdate update) {
    if (update.resolver == nullptr) return Refresh::kNone;
    const std::lock_guard lock(mutex_);
    resolver_ = std::move(update.resolver);
    options_ = std::move(update.options);
    pinned_.clear();
    pinned_.insert(options_.pinned_accounts.begin(), options_.pinned_accounts.end());
    return options_.resolver == config::ResolverKind::kUrl ? Refresh::kSlow : Refresh::kQuick;
}

void Trust::refresh(int64_t now_s) {
    std::shared_ptr<AccountResolver> resolver;
    std::vector<std::string> known;
    {
        const std::lock_guard lock(mutex_);
        resolver = resolver_;
        for (const auto& [name, account] : accounts_) known.push_back(name);
    }
    std::sort(known.begin(), known.end());
    // A later reload begins anew: what this one has fetched from the former resolver is outdated.
    const auto is_outdated = [&] {
        const std::lock_guard lock(mutex_);
        return resolver_ != resolver;
    };
    for (const std::string& name : known) {
        const auto fresh = fetch(name, now_s);
        if (fresh.ok()) load_exporters(**fresh, now_s);
        if (is_outdated()) return;
        if (fresh.ok()) {
            keep(*fresh);
        } else if (!absl::IsUnavailable(fresh.status())) {  // a server out of reach says nothing
            remove(name);
        }
    }
}

TrustedAccounts Trust::account_options(int64_t now_s) const {
    absl::flat_hash_map<std::string, TrustedAccountPtr> accounts;
    {
        const std::lock_guard lock(mutex_);
        accounts = accounts_;
    }
    TrustedAccounts all;
    for (const auto& [name, account] : accounts) {
        config::AccountOptions options = to_options(account->claims);
        for (const ImportClaim& each : account->claims.imports) {
            config::AccountImport import = each.imported;
            const auto exporter = accounts.find(import.account);
            if (exporter == accounts.end()) continue;
            const auto activation = decode_activation_of(each);
            import.activated =
                activation.has_value() &&
                is_activated(account->claims, each, *activation, exporter->second->claims, now_s);
            if (import.activated) note_expiry(activation->head.expires, &all.next_expiry_s);
            options.imports.push_back(std::move(import));
        }
        all.options.push_back(std::move(options));
    }
    std::sort(all.options.begin(), all.options.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    return all;
}

}  // namespace nuring::auth

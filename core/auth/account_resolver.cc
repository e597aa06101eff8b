// SPDX-License-Identifier: Apache-2.0
#include "core/auth/account_resolver.h"

#include <mutex>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "core/auth/account_directory.h"
#include "core/auth/http_get.h"

namespace nuring::auth {
namespace {

class MemoryResolver final : public AccountResolver {
  public:
    absl::StatusOr<std::string> fetch(const std::string& account, int64_t) override {
        const std::lock_guard lock(mutex_);
        const auto found = tokens_.find(account);
        if (found == tokens_.end()) return absl::NotFoundError("account missing");
        return found->second;
    }
    absl::Status store(const std::string& account, const std::string& token, int64_t) override {
        const std::lock_guard lock(mutex_);
        tokens_[account] = token;
        return absl::OkStatus();
    }

  private:
    std::mutex mutex_;
    absl::flat_hash_map<std::string, std::string> tokens_;  // guarded by mutex_
};

class UrlResolver final : public AccountResolver {
  public:
    UrlResolver(std::string base, config::TlsOptions tls)
        : base_(std::move(base)), tls_(std::move(tls)) {
        if (!base_.ends_with('/')) base_ += '/';
    }
    absl::StatusOr<std::string> fetch(const std::string& account, int64_t) override {
        return http_get(base_ + account, tls_);
    }
    absl::Status store(const std::string&, const std::string&, int64_t) override {
        return absl::UnimplementedError("store operation not supported for URL Resolver");
    }

  private:
    std::string base_;
    const config::TlsOptions tls_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<AccountResolver>> AccountResolver::create(
    const config::OperatorOptions& options) {
    std::unique_ptr<AccountResolver> resolver;
    switch (options.resolver) {
        case config::ResolverKind::kNone:
            return absl::InvalidArgumentError(
                "operators require an account resolver to be configured");
        case config::ResolverKind::kMemory:
            resolver = std::make_unique<MemoryResolver>();
            break;
        case config::ResolverKind::kUrl: {
            resolver = std::make_unique<UrlResolver>(
                options.resolver_url, options.resolver_tls.value_or(config::TlsOptions{}));
            if (const auto page = resolver->fetch("", 0); !page.ok()) return page.status();
            break;
        }
        case config::ResolverKind::kFullDirectory:
        case config::ResolverKind::kCacheDirectory: {
            auto opened = AccountDirectory::open(
                options.directory, options.resolver == config::ResolverKind::kCacheDirectory);
            if (!opened.ok()) return opened.status();
            resolver = *std::move(opened);
            break;
        }
    }
    for (const auto& [account, token] : options.preload) {
        if (auto stored = resolver->preload(account, token); !stored.ok()) return stored;
    }
    return resolver;
}

}  // namespace nuring::auth

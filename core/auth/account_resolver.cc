// SPDX-License-Identifier: Apache-2.0
#include "core/auth/account_resolver.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <cstdio>
#include <mutex>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "core/auth/http_get.h"
#include "core/auth/jwt.h"
#include "core/auth/nkey.h"
#include "core/base/errno_text.h"
#include "core/config/source.h"
#include "fmt/format.h"

namespace nuring::auth {
namespace {

absl::Status missing() {
    return absl::NotFoundError("account missing");
}

class MemoryResolver final : public AccountResolver {
  public:
    absl::StatusOr<std::string> fetch(const std::string& account) override {
        const std::lock_guard lock(mutex_);
        const auto found = tokens_.find(account);
        if (found == tokens_.end()) return missing();
        return found->second;
    }
    absl::Status store(const std::string& account, const std::string& token) override {
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
    explicit UrlResolver(std::string base) : base_(std::move(base)) {
        if (!base_.ends_with('/')) base_ += '/';
    }
    absl::StatusOr<std::string> fetch(const std::string& account) override {
        return http_get(base_ + account);
    }
    absl::Status store(const std::string&, const std::string&) override {
        return absl::UnimplementedError("store operation not supported for URL Resolver");
    }

  private:
    std::string base_;
};

// A file <account>.jwt for each account, replaced as a whole.
class DirectoryResolver final : public AccountResolver {
  public:
    DirectoryResolver(std::string directory, bool keeps_all)
        : directory_(std::move(directory)),
          keeps_all_(keeps_all),
          sources_(config::system_sources()) {}

    bool keeps_all() const override { return keeps_all_; }

    absl::StatusOr<std::string> fetch(const std::string& account) override {
        auto token = sources_.read_file(path(account));
        if (!token.ok()) return missing();
        return std::string(undecorate_jwt(*token));
    }

    absl::Status store(const std::string& account, const std::string& token) override {
        const std::string target = path(account);
        std::string fresh = target + ".XXXXXX";
        const int fd = ::mkostemp(fresh.data(), O_CLOEXEC);
        if (fd < 0) return failure("open", fresh);
        const bool written =
            ::write(fd, token.data(), token.size()) == static_cast<ssize_t>(token.size()) &&
            ::fsync(fd) == 0;
        ::close(fd);
        if (written && std::rename(fresh.c_str(), target.c_str()) == 0) return absl::OkStatus();
        const absl::Status status = failure("write", fresh);
        ::unlink(fresh.c_str());
        return status;
    }

  private:
    // A key holds letters and digits only, so that it cannot lead out of the directory.
    std::string path(const std::string& account) const {
        assert(is_public_nkey(account, NkeyKind::kAccount));
        return fmt::format("{}/{}.jwt", directory_, account);
    }
    static absl::Status failure(std::string_view verb, const std::string& path) {
        return absl::UnavailableError(fmt::format("{} {}: {}", verb, path, base::errno_text(errno)));
    }

    const std::string directory_;
    const bool keeps_all_;
    const config::Sources sources_;
};

absl::StatusOr<std::unique_ptr<AccountResolver>> open_directory(const std::string& directory,
                                                                bool keeps_all) {
    if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) {
        return absl::UnavailableError(fmt::format("mkdir {}: {}", directory, base::errno_text(errno)));
    }
    struct stat status = {};
    if (::stat(directory.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
        return absl::InvalidArgumentError(fmt::format("{} is not a directory", directory));
    }
    return std::make_unique<DirectoryResolver>(directory, keeps_all);
}

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
            resolver = std::make_unique<UrlResolver>(options.resolver_url);
            if (const auto page = resolver->fetch(""); !page.ok()) return page.status();
            break;
        }
        case config::ResolverKind::kFullDirectory:
        case config::ResolverKind::kCacheDirectory: {
            auto opened = open_directory(options.resolver_directory,
                                         options.resolver == config::ResolverKind::kFullDirectory);
            if (!opened.ok()) return opened.status();
            resolver = *std::move(opened);
            break;
        }
    }
    for (const auto& [account, token] : options.preload) {
        if (auto stored = resolver->store(account, token); !stored.ok()) return stored;
    }
    return resolver;
}

}  // namespace nuring::auth

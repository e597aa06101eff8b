// SPDX-License-Identifier: Apache-2.0
#include "core/auth/account_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstdio>
#include <limits>
#include <utility>

#include "core/auth/claims.h"
#include "core/auth/jwt.h"
#include "core/auth/nkey.h"
#include "core/base/errno_text.h"
#include "core/base/remedy.h"
#include "fmt/format.h"

namespace nuring::auth {
namespace {

constexpr std::string_view kExtension = ".jwt";
constexpr int64_t kExpireIntervalMax_s = 60;

absl::Status failure(std::string_view verb, const std::string& path) {
    const int error = errno;
    return absl::UnavailableError(
        fmt::format("{} {}: {}{}", verb, path, base::errno_text(error), base::file_remedy(error)));
}

AccountDirectory::Hash hash_of(std::string_view text) {
    AccountDirectory::Hash hash;
    static_assert(sizeof(hash) == SHA256_DIGEST_LENGTH);
    ::SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), hash.data());
    return hash;
}

void toggle(AccountDirectory::Hash* sum, const AccountDirectory::Hash& hash) {
    for (size_t i = 0; i < hash.size(); ++i) (*sum)[i] ^= hash[i];
}

// Like os.MkdirAll: with all folders above it.
absl::Status make_directory(const std::string& path) {
    for (size_t end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1)) {
        (void)::mkdir(path.substr(0, end).c_str(), 0750);
    }
    if (::mkdir(path.c_str(), 0750) != 0 && errno != EEXIST) return failure("mkdir", path);
    return absl::OkStatus();
}

std::vector<std::string> accounts_in(const std::string& directory) {
    std::vector<std::string> accounts;
    DIR* const open = ::opendir(directory.c_str());
    if (open == nullptr) return accounts;
    while (const dirent* const entry = ::readdir(open)) {
        const std::string_view name = entry->d_name;
        if (!name.ends_with(kExtension)) continue;
        const std::string_view account = name.substr(0, name.size() - kExtension.size());
        if (is_public_nkey(account, NkeyKind::kAccount)) accounts.emplace_back(account);
    }
    ::closedir(open);
    std::sort(accounts.begin(), accounts.end());
    return accounts;
}

}  // namespace

AccountDirectory::AccountDirectory(const config::AccountDirectoryOptions& options, bool is_cache)
    : options_(options), is_cache_(is_cache), sources_(config::system_sources()) {}

absl::StatusOr<std::unique_ptr<AccountDirectory>> AccountDirectory::open(
    const config::AccountDirectoryOptions& options, bool is_cache) {
    if (auto made = make_directory(options.path); !made.ok()) return made;
    struct stat status = {};
    if (::stat(options.path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) ||
        (status.st_mode & S_IWUSR) == 0) {
        return absl::InvalidArgumentError("dir needs to point to an accessible directory");
    }
    config::AccountDirectoryOptions limited = options;
    if (limited.limit <= 0) {
        limited.limit =
            is_cache ? config::kCachedAccountsMax : std::numeric_limits<int64_t>::max();
    }
    std::unique_ptr<AccountDirectory> directory(new AccountDirectory(limited, is_cache));
    for (const std::string& account : accounts_in(options.path)) {
        if (const auto token = directory->read(account); token.ok()) {
            directory->track(account, *token, 0);
        }
    }
    return directory;
}

std::string AccountDirectory::path(const std::string& account) const {
    assert(is_public_nkey(account, NkeyKind::kAccount));
    return fmt::format("{}/{}{}", options_.path, account, kExtension);
}

absl::StatusOr<std::string> AccountDirectory::read(const std::string& account) const {
    auto token = sources_.read_file(path(account));
    if (!token.ok()) return absl::NotFoundError("account missing");
    return std::string(undecorate_jwt(*token));
}

absl::Status AccountDirectory::write(const std::string& account, const std::string& token) const {
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

// Accounts that were stored by other means are read as well; they count when the directory is opened again.
absl::StatusOr<std::string> AccountDirectory::fetch(const std::string& account, int64_t now_s) {
    const std::lock_guard lock(mutex_);
    auto token = read(account);
    const auto known = entries_.find(account);
    if (token.ok() && known != entries_.end()) note_use(&known->second, now_s);
    return token;
}

absl::Status AccountDirectory::store(const std::string& account, const std::string& token,
                                     int64_t now_s) {
    const std::lock_guard lock(mutex_);
    if (const auto known = entries_.find(account); known != entries_.end()) {
        note_use(&known->second, now_s);
        if (known->second.hash == hash_of(token) && read(account).ok()) return absl::OkStatus();
    } else if (auto room = make_room(); !room.ok()) {
        return room;
    }
    if (auto written = write(account, token); !written.ok()) return written;
    track(account, token, now_s);
    return absl::OkStatus();
}

absl::Status AccountDirectory::preload(const std::string& account, const std::string& token) {
    absl::StatusOr<std::string> stored = absl::NotFoundError("");
    {
        const std::lock_guard lock(mutex_);
        stored = read(account);
    }
    if (stored.ok()) {
        const auto there = decode_account(*stored);
        const auto fresh = decode_account(token);
        const bool newer = there.ok() && fresh.ok() && there->head.subject == account &&
                           there->head.issued_at > fresh->head.issued_at;
        if (newer) return absl::OkStatus();
    }
    return store(account, token, 0);
}

absl::Status AccountDirectory::make_room() {
    if (static_cast<int64_t>(entries_.size()) < options_.limit) return absl::OkStatus();
    if (!is_cache_) return absl::ResourceExhaustedError("jwt store is full");
    const auto oldest = std::min_element(
        entries_.begin(), entries_.end(),
        [](const auto& a, const auto& b) { return a.second.use_serial < b.second.use_serial; });
    const std::string account = oldest->first;
    if (::unlink(path(account).c_str()) != 0 && errno != ENOENT) {
        return failure("remove", path(account));
    }
    forget(account);
    return absl::OkStatus();
}

absl::Status AccountDirectory::deletable() const {
    if (options_.deletion != config::AccountDeletion::kRefused) return absl::OkStatus();
    return absl::PermissionDeniedError("delete must be enabled in server config");
}

absl::Status AccountDirectory::remove(const std::string& account) {
    if (auto allowed = deletable(); !allowed.ok()) return allowed;
    const std::lock_guard lock(mutex_);
    const std::string name = path(account);
    const bool gone = options_.deletion == config::AccountDeletion::kRenamed
                          ? std::rename(name.c_str(), (name + ".deleted").c_str()) == 0
                          : ::unlink(name.c_str()) == 0;
    if (!gone && errno != ENOENT) return failure("remove", name);
    forget(account);
    return absl::OkStatus();
}

void AccountDirectory::expire(int64_t now_s) {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> old;
    for (auto& [account, entry] : entries_) {
        if (entry.used_s == 0) entry.used_s = now_s;
        const int64_t end_s =
            options_.ttl.count() != 0 ? entry.used_s + options_.ttl.count() : entry.token_expires_s;
        if (end_s != 0 && end_s <= now_s) old.push_back(account);
    }
    for (const std::string& account : old) {
        // One that cannot be removed is tried again.
        if (::unlink(path(account).c_str()) == 0 || errno == ENOENT) forget(account);
    }
}

int64_t AccountDirectory::expire_interval_s() const {
    if (options_.ttl.count() == 0) return kExpireIntervalMax_s;
    return std::clamp<int64_t>(options_.ttl.count() / 2, 1, kExpireIntervalMax_s);
}

void AccountDirectory::for_each(
    int64_t now_s,
    const std::function<void(const std::string& account, const std::string& token)>& call) {
    std::vector<std::string> accounts;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [account, entry] : entries_) {
            if (entry.token_expires_s == 0 || entry.token_expires_s >= now_s) {
                accounts.push_back(account);
            }
        }
    }
    std::sort(accounts.begin(), accounts.end());
    for (const std::string& account : accounts) {
        if (const auto token = read(account); token.ok()) call(account, *token);
    }
}

AccountDirectory::Hash AccountDirectory::hash() const {
    const std::lock_guard lock(mutex_);
    return hash_;
}

void AccountDirectory::track(const std::string& account, const std::string& token, int64_t now_s) {
    forget(account);
    Entry& entry = entries_[account];
    entry.hash = hash_of(token);
    const auto claims = decode_account(token);
    entry.token_expires_s = claims.ok() ? claims->head.expires : 0;
    note_use(&entry, now_s);
    toggle(&hash_, entry.hash);
}

void AccountDirectory::forget(const std::string& account) {
    const auto known = entries_.find(account);
    if (known == entries_.end()) return;
    toggle(&hash_, known->second.hash);
    entries_.erase(known);
}

void AccountDirectory::note_use(Entry* entry, int64_t now_s) {
    entry->used_s = now_s;
    entry->use_serial = ++use_serial_;
}

}  // namespace nuring::auth

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/auth/account_resolver.h"
#include "core/config/options.h"
#include "core/config/source.h"

namespace nuring::auth {

// AccountDirectory keeps the tokens of accounts as files, one <account>.jwt each, which are replaced as a
// whole. An index in memory has the hash, the expiry and the last use of each, and one hash over all tokens,
// by which two directories can be compared.
//
// A full directory holds all accounts: a token beyond its limit is refused. A cache holds the accounts in
// use: a token beyond its limit replaces the least recently used one, and a token that is not used for
// `ttl` is removed. Without a ttl a file is removed when its token expires.
//
// Threads: any, under a lock; blocks (files). Limits: tokens of kJwtBytesMax; those of the options.
// Errors:  "account missing", "jwt store is full", "delete must be enabled in server config", of the files.
// Lifetime: as long as a Trust uses it; a reload opens another one over the same files.
// Source:  server/dirstore.go 2.9.10, without its folders of two letters, which no configuration turns on.
class AccountDirectory final : public AccountResolver {
  public:
    using Hash = std::array<unsigned char, 32>;

    // Creates the directory if it does not exist.
    static absl::StatusOr<std::unique_ptr<AccountDirectory>> open(
        const config::AccountDirectoryOptions& options, bool is_cache);

    absl::StatusOr<std::string> fetch(const std::string& account, int64_t now_s) override;
    absl::Status store(const std::string& account, const std::string& token,
                       int64_t now_s) override;
    // Unless the file there is newer: a configuration outlives the tokens that it was written with.
    absl::Status preload(const std::string& account, const std::string& token) override;
    bool keeps_all() const override { return !is_cache_; }
    AccountDirectory* directory() override { return this; }

    // May accounts be deleted by a request?
    absl::Status deletable() const;
    // An account that is not there is no error.
    absl::Status remove(const std::string& account);
    // Removes tokens that have expired, or were not used for `ttl`.
    void expire(int64_t now_s);
    // How often to call expire().
    int64_t expire_interval_s() const;

    // Calls the function with each account and its token, in the order of their names, without those that
    // have expired.
    void for_each(int64_t now_s, const std::function<void(const std::string& account,
                                                          const std::string& token)>& call);
    // All tokens in one: the exclusive or of their SHA-256.
    Hash hash() const;

  private:
    struct Entry {
        Hash hash;
        int64_t token_expires_s;  // 0: never
        int64_t used_s;           // 0: not since the directory was opened
        uint64_t use_serial;      // the higher, the later
    };

    AccountDirectory(const config::AccountDirectoryOptions& options, bool is_cache);
    // A key holds letters and digits only, so that it cannot lead out of the directory.
    std::string path(const std::string& account) const;
    absl::StatusOr<std::string> read(const std::string& account) const;
    absl::Status write(const std::string& account, const std::string& token) const;
    absl::Status make_room();
    void track(const std::string& account, const std::string& token, int64_t now_s);
    void forget(const std::string& account);
    void note_use(Entry* entry, int64_t now_s);

    const config::AccountDirectoryOptions options_;
    const bool is_cache_;
    const config::Sources sources_;
    mutable std::mutex mutex_;
    absl::flat_hash_map<std::string, Entry> entries_;  // guarded by mutex_
    Hash hash_{};                                      // guarded by mutex_
    uint64_t use_serial_ = 0;                          // guarded by mutex_
};

}  // namespace nuring::auth

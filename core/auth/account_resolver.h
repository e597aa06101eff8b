// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/config/options.h"

namespace nuring::auth {

class AccountDirectory;

// AccountResolver is the source of the tokens of accounts: memory, a URL, a directory.
// Threads: any, several at once; may block (files, network), so never on a worker.
// Limits:  tokens up to kJwtBytesMax; those of a directory.
// Errors:  "account missing", or why it could not be read. The caller has to verify each token.
// Source:  server/accounts.go 2.9.10.
class AccountResolver {
  public:
    virtual ~AccountResolver() = default;

    // The token of that account, which is a valid public key of an account. now_s: Unix seconds.
    virtual absl::StatusOr<std::string> fetch(const std::string& account, int64_t now_s) = 0;
    // Keeps a token that has been verified. The resolver of a URL cannot.
    virtual absl::Status store(const std::string& account, const std::string& token,
                               int64_t now_s) = 0;
    // Keeps a token of the configuration.
    virtual absl::Status preload(const std::string& account, const std::string& token) {
        return store(account, token, 0);
    }

    // Does it keep all accounts, not only those that were asked for?
    virtual bool keeps_all() const { return false; }
    // Null: none.
    virtual AccountDirectory* directory() { return nullptr; }

    // The one that is configured, with its preloads. A URL is tried once, as a test; a directory is
    // made if there is none.
    static absl::StatusOr<std::unique_ptr<AccountResolver>> create(
        const config::OperatorOptions& options);
};

}  // namespace nuring::auth

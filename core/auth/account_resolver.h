// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/config/options.h"

namespace nuring::auth {

// AccountResolver is where the tokens of accounts come from: memory, a URL, a directory.
// Threads: any, several at once; may block (files, network), so never on a worker.
// Limits:  tokens up to kJwtBytesMax. A cache directory keeps the `limit` of the configuration.
// Errors:  "account missing", or why it could not be read. What is fetched is text, believed by nobody.
// Source:  server/accounts.go and dirstore.go 2.9.10.
class AccountResolver {
  public:
    virtual ~AccountResolver() = default;

    // The token of that account, whose key has been checked to be one.
    virtual absl::StatusOr<std::string> fetch(const std::string& account) = 0;
    // Keeps a token that has been verified. The resolver of a URL cannot.
    virtual absl::Status store(const std::string& account, const std::string& token) = 0;

    // Is it the place where all accounts are kept, asked for or not?
    virtual bool keeps_all() const { return false; }

    // The one that is configured, with its preloads. A URL is tried once, as a test; a directory is
    // made if there is none.
    static absl::StatusOr<std::unique_ptr<AccountResolver>> create(
        const config::OperatorOptions& options);
};

}  // namespace nuring::auth

// SPDX-License-Identifier: Apache-2.0
// The proof of a leafnode's identity: a credentials file, or the seed of an nkey.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/auth/nkey.h"

namespace nuring::gateway {

// LeafCredentials is a user token and the seed of the user's key. Threads: any; a plain value.
struct LeafCredentials {
    std::string jwt;  // empty: the key alone
    auth::NkeySeed seed;
};

// The text of a credentials file: two blocks, each a body between two lines of dashes; the first body is the
// token, the second one the seed. Text outside the blocks is ignored.
// Errors: "Credentials file malformed", "Credentials file has malformed seed".
// Source: nkeys, creds_utils.go, ParseDecoratedJWT and ParseDecoratedNKey.
absl::StatusOr<LeafCredentials> parse_leaf_credentials(std::string_view text);

// The nonce, signed with the seed, as CONNECT has it: base64url without padding.
std::string sign_nonce(const auth::NkeySeed& seed, std::string_view nonce);

}  // namespace nuring::gateway

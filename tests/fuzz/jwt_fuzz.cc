// SPDX-License-Identifier: Apache-2.0
// Any bytes as a token, as they come from a peer before it has shown anything: refused, or signed.
#include "core/auth/jwt.h"

#include "core/auth/claims.h"
#include "core/auth/nkey.h"
#include "tests/fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    using namespace nuring::auth;
    using nuring::test::require;
    const std::string_view input = nuring::test::view_of(bytes, size);
    const std::string_view token = undecorate_jwt(input);
    require(token.size() <= input.size(), "a block is part of the text");
    const auto jwt = decode_jwt(token);
    if (!jwt.ok()) {
        require(!jwt.status().message().empty(), "a refusal says why");
        require(!decode_user(token).ok() && !decode_account(token).ok(), "claims need a token");
        return 0;
    }
    require(is_public_nkey(jwt->issuer, NkeyKind::kAccount) ||
                is_public_nkey(jwt->issuer, NkeyKind::kOperator),
            "an issuer is a key");
    require(jwt->version == 1 || jwt->version == 2, "versions");
    return 0;
}

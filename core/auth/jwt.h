// SPDX-License-Identifier: Apache-2.0
// JWTs as NATS makes them: text to signed claims.
//
//     base64url(header) . base64url(claims) . base64url(signature)
//
// Version 1 signs the middle chunk, version 2 both chunks and the dot; the issuer, an nkey, stands in
// the claims. Whether the issuer is one to believe is for the caller to say.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace nuring::auth {

enum class ClaimsKind : uint8_t { kOperator, kAccount, kUser, kActivation, kGeneric };

// Above this a token is not even looked at: accounts with thousands of imports fit.
inline constexpr size_t kJwtBytesMax = 1024 * 1024;

// A token whose signature is the issuer's.
struct Jwt {
    int version = 1;
    ClaimsKind kind = ClaimsKind::kUser;
    std::string issuer;
    std::string claims;  // a JSON object
};

// Threads: any; about 100 us. Errors: in the words of the jwt library, in its order: chunks, base64
// and JSON, header, kind, signature, kind of the issuer.
// Source: nats-io/jwt 0.2.6 and 2.3, Decode.
absl::StatusOr<Jwt> decode_jwt(std::string_view token);
// A token of whatever type, by whatever key: kGeneric. Source: DecodeGeneric.
absl::StatusOr<Jwt> decode_generic_jwt(std::string_view token);

// The token in a text of "-----BEGIN ...-----" lines (the first block), or the text itself without
// the blanks around it. Source: ParseDecoratedJWT.
std::string_view undecorate_jwt(std::string_view text);

}  // namespace nuring::auth

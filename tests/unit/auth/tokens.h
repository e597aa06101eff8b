// SPDX-License-Identifier: Apache-2.0
// Keys and tokens for the tests of operator mode.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "absl/strings/escaping.h"
#include "core/auth/nkey.h"
#include "core/base/status.h"
#include "fmt/format.h"

namespace nuring::auth {

// A key pair made of one byte, the same in every run.
struct TestKey {
    TestKey(NkeyKind kind, unsigned char byte) {
        seed.kind = kind;
        seed.bytes.fill(byte);
        text = encode_public_nkey(public_key_of(seed), kind);
    }
    NkeySeed seed;
    std::string text;
};

inline std::string base64url(std::string_view bytes) {
    std::string text = absl::WebSafeBase64Escape(base::absl_view(bytes));
    text.erase(std::find(text.begin(), text.end(), '='), text.end());
    return text;
}

// Any claims, signed as that version says. `claims` is the whole JSON.
inline std::string sign_claims(const TestKey& key, std::string_view claims, int version = 2,
                               std::string_view header = {}) {
    if (header.empty()) {
        header = version == 2 ? R"({"typ":"JWT","alg":"ed25519-nkey"})"
                              : R"({"typ":"jwt","alg":"ed25519"})";
    }
    const std::string body = base64url(claims);
    const std::string both = base64url(header) + "." + body;
    return both + "." + base64url(sign(key.seed, version == 2 ? both : body));
}

// Claims of version 2. `nats` and `more` are members without braces, with a leading comma or empty.
inline std::string make_token(const TestKey& issuer, std::string_view subject, std::string_view kind,
                              std::string_view nats = {}, std::string_view more = {}) {
    return sign_claims(
        issuer, fmt::format(R"({{"iat":1000,"iss":"{}","sub":"{}"{},"nats":{{"type":"{}","version":2{}}}}})",
                            issuer.text, subject, more, kind, nats));
}

inline constexpr std::string_view kNoLimits =
    R"(,"limits":{"subs":-1,"data":-1,"payload":-1,"imports":-1,"exports":-1,"wildcards":true,)"
    R"("conn":-1,"leaf":-1})";
inline constexpr std::string_view kNoUserLimits = R"(,"subs":-1,"data":-1,"payload":-1)";

}  // namespace nuring::auth

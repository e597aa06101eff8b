// SPDX-License-Identifier: Apache-2.0
// Any bytes as a key, a seed, a signature: what is taken for one is written back as it was.
#include "core/auth/nkey.h"

#include "tests/fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    using namespace nuring::auth;
    using nuring::test::require;
    const std::string_view text = nuring::test::view_of(bytes, size);
    for (const NkeyKind kind : {NkeyKind::kAccount, NkeyKind::kCluster, NkeyKind::kServer,
                                NkeyKind::kOperator, NkeyKind::kUser, NkeyKind::kUnknown}) {
        NkeyError error = NkeyError::kNone;
        const auto key = decode_public_nkey(text, kind, &error);
        require(key.has_value() == (error == NkeyError::kNone), "an error or a key");
        if (key.has_value()) require(encode_public_nkey(*key, kind) == text, "one text for a key");
    }
    if (const auto seed = decode_seed(text); seed.has_value()) {
        const std::string signature = sign(*seed, "x");
        require(signature.size() == kSignatureSize, "a seed signs");
        require(verify_signature(public_key_of(*seed), "x", signature), "its key verifies");
    }
    std::string decoded;
    if (decode_base64url(text, &decoded)) require(decoded.size() <= size, "base64 only shrinks");
    const PublicKey zero{};
    require(!verify_nonce(zero, "nonce", text) || size > 0, "nothing is no signature");
    return 0;
}

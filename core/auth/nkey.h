// SPDX-License-Identifier: Apache-2.0
// Public nkeys: Ed25519 keys as text.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace nuring::auth {

enum class NkeyKind : uint8_t {
    kAccount = 0x00,
    kCluster = 2 << 3,
    kServer = 13 << 3,
    kOperator = 14 << 3,
    kUser = 20 << 3,
};

using PublicKey = std::array<unsigned char, 32>;

// The key bytes of a public nkey of that kind; nothing if the text is not one (alphabet, length,
// checksum, kind). Source: nkeys strkey.go.
std::optional<PublicKey> decode_public_nkey(std::string_view text, NkeyKind kind);

// Did the owner of the key sign the nonce? `signature` is base64url without padding, as clients send
// it, or standard base64.
bool verify_nonce(const PublicKey& key, std::string_view nonce, std::string_view signature);

}  // namespace nuring::auth

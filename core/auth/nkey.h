// SPDX-License-Identifier: Apache-2.0
// nkeys: Ed25519 keys as text, and signatures by them.
// Threads: any. Errors: nothing, false, or an empty result; NkeyError where the reason is wanted.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nuring::auth {

// The first byte of a key; it makes the first letter of the text: A C N O P U S X.
enum class NkeyKind : uint8_t {
    kAccount = 0x00,
    kCluster = 2 << 3,
    kServer = 13 << 3,
    kOperator = 14 << 3,
    kPrivate = 15 << 3,
    kSeed = 18 << 3,
    kUser = 20 << 3,
    kUnknown = 23 << 3,  // newer: a curve key
};

inline constexpr size_t kSignatureSize = 64;

using PublicKey = std::array<unsigned char, 32>;

// Why a text is not an nkey; to_text() has the words of the nkeys library, for debug lines.
enum class NkeyError : uint8_t {
    kNone,
    kBadBase32,  // not of the alphabet A-Z, 2-7
    kBadLength,  // not 56 characters
    kBadChecksum,
    kWrongKind,
};
std::string_view to_text(NkeyError error);

// The key bytes of a public nkey of that kind; nothing if the text is not one (alphabet, length,
// checksum, kind). Source: nkeys strkey.go.
std::optional<PublicKey> decode_public_nkey(std::string_view text, NkeyKind kind,
                                            NkeyError* error = nullptr);
inline bool is_public_nkey(std::string_view text, NkeyKind kind) {
    return decode_public_nkey(text, kind).has_value();
}
std::string encode_public_nkey(const PublicKey& key, NkeyKind kind);

// The secret of a key pair ("SU...", "SA...", "SO...").
struct NkeySeed {
    NkeyKind kind = NkeyKind::kUser;
    std::array<unsigned char, 32> bytes{};
};
std::optional<NkeySeed> decode_seed(std::string_view text);
// All zero if OpenSSL fails (no memory), a key that nobody has.
PublicKey public_key_of(const NkeySeed& seed);
// 64 bytes; empty if OpenSSL fails.
std::string sign(const NkeySeed& seed, std::string_view message);

// Ed25519 over the message; `signature` is the 64 bytes. About 100 us.
bool verify_signature(const PublicKey& key, std::string_view message, std::string_view signature);

// Base64url without padding or blanks, all bits accounted for; anything else is refused.
bool decode_base64url(std::string_view text, std::string* bytes);

// The bytes of a signature as clients send it: base64url without padding, or standard base64.
bool decode_signature(std::string_view text, std::string* bytes);
// Did the owner of the key sign the nonce?
bool verify_nonce(const PublicKey& key, std::string_view nonce, std::string_view signature);

}  // namespace nuring::auth

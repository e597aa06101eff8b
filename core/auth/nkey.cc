// SPDX-License-Identifier: Apache-2.0
#include "core/auth/nkey.h"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <string>

#include "absl/strings/escaping.h"
#include "core/base/base32.h"
#include "core/base/status.h"

namespace nuring::auth {
namespace {

constexpr size_t kTextSize = 56;
constexpr size_t kRawSize = 33;  // kind, key
constexpr size_t kSeedTextSize = 58;
constexpr size_t kSeedRawSize = 34;  // seed and kind over two bytes, key

using Pkey = std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)>;
using Digest = std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)>;

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

Pkey private_key(const NkeySeed& seed) {
    return {EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.bytes.data(),
                                         seed.bytes.size()),
            EVP_PKEY_free};
}

}  // namespace

std::string_view to_text(NkeyError error) {
    switch (error) {
        case NkeyError::kNone:
            return "";
        case NkeyError::kBadBase32:
            return "nkeys: invalid encoded key";
        case NkeyError::kBadLength:
            return "nkeys: invalid public key";
        case NkeyError::kBadChecksum:
            return "nkeys: invalid checksum";
        case NkeyError::kWrongKind:
            return "nkeys: invalid prefix byte";
    }
    return "";
}

std::optional<PublicKey> decode_public_nkey(std::string_view text, NkeyKind kind,
                                            NkeyError* error) {
    const auto refuse = [error](NkeyError why) -> std::optional<PublicKey> {
        if (error != nullptr) *error = why;
        return std::nullopt;
    };
    if (text.size() != kTextSize) return refuse(NkeyError::kBadLength);
    std::array<unsigned char, kRawSize> raw;
    switch (base::decode_checked_base32(text, raw)) {
        case base::Base32Status::kOk: break;
        case base::Base32Status::kNotBase32: return refuse(NkeyError::kBadBase32);
        case base::Base32Status::kBadChecksum: return refuse(NkeyError::kBadChecksum);
    }
    if (raw[0] != static_cast<unsigned char>(kind)) return refuse(NkeyError::kWrongKind);
    PublicKey key;
    std::copy_n(raw.begin() + 1, key.size(), key.begin());
    return key;
}

std::string encode_public_nkey(const PublicKey& key, NkeyKind kind) {
    std::array<unsigned char, kRawSize> raw;
    raw[0] = static_cast<unsigned char>(kind);
    std::copy(key.begin(), key.end(), raw.begin() + 1);
    return base::encode_checked_base32(raw);
}

// The first five bits say "seed", the next eight are the kind: each makes a letter of its own.
std::optional<NkeySeed> decode_seed(std::string_view text) {
    std::array<unsigned char, kSeedRawSize> raw;
    if (text.size() != kSeedTextSize) return std::nullopt;
    if (base::decode_checked_base32(text, raw) != base::Base32Status::kOk) return std::nullopt;
    if ((raw[0] & 0xf8) != static_cast<unsigned char>(NkeyKind::kSeed)) return std::nullopt;
    NkeySeed seed;
    const auto kind = static_cast<NkeyKind>((raw[0] & 7) << 5 | (raw[1] & 0xf8) >> 3);
    switch (kind) {
        case NkeyKind::kAccount:
        case NkeyKind::kCluster:
        case NkeyKind::kServer:
        case NkeyKind::kOperator:
        case NkeyKind::kUser:
            break;
        case NkeyKind::kPrivate:
        case NkeyKind::kSeed:
        case NkeyKind::kUnknown:
        default:  // the input may have any bits
            return std::nullopt;
    }
    seed.kind = kind;
    std::copy_n(raw.begin() + 2, seed.bytes.size(), seed.bytes.begin());
    return seed;
}

PublicKey public_key_of(const NkeySeed& seed) {
    PublicKey key{};
    size_t size = key.size();
    const Pkey pkey = private_key(seed);
    if (pkey != nullptr) (void)EVP_PKEY_get_raw_public_key(pkey.get(), key.data(), &size);
    return key;
}

std::string sign(const NkeySeed& seed, std::string_view message) {
    std::string signature(kSignatureSize, '\0');
    size_t size = signature.size();
    const Pkey pkey = private_key(seed);
    const Digest digest(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    const bool done =
        pkey != nullptr && digest != nullptr &&
        EVP_DigestSignInit(digest.get(), nullptr, nullptr, nullptr, pkey.get()) == 1 &&
        EVP_DigestSign(digest.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                       bytes_of(message), message.size()) == 1;
    return done ? signature : std::string();
}

bool verify_signature(const PublicKey& key, std::string_view message, std::string_view signature) {
    if (signature.size() != kSignatureSize) return false;
    const Pkey pkey(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()),
                    EVP_PKEY_free);
    const Digest digest(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    if (pkey == nullptr || digest == nullptr) return false;
    return EVP_DigestVerifyInit(digest.get(), nullptr, nullptr, nullptr, pkey.get()) == 1 &&
           EVP_DigestVerify(digest.get(), bytes_of(signature), signature.size(), bytes_of(message),
                            message.size()) == 1;
}

bool decode_base64url(std::string_view text, std::string* bytes) {
    const auto is_digit = [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_';
    };
    return std::all_of(text.begin(), text.end(), is_digit) &&
           absl::WebSafeBase64Unescape(base::absl_view(text), bytes);
}

bool decode_signature(std::string_view text, std::string* bytes) {
    return decode_base64url(text, bytes) || absl::Base64Unescape(base::absl_view(text), bytes);
}

bool verify_nonce(const PublicKey& key, std::string_view nonce, std::string_view signature) {
    std::string bytes;
    return decode_signature(signature, &bytes) && verify_signature(key, nonce, bytes);
}

}  // namespace nuring::auth

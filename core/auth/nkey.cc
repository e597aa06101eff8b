// SPDX-License-Identifier: Apache-2.0
#include "core/auth/nkey.h"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <span>
#include <string>

#include "absl/strings/escaping.h"
#include "core/base/crc16.h"

namespace nuring::auth {
namespace {

constexpr size_t kTextSize = 56;
constexpr size_t kRawSize = 35;  // kind, key, checksum
constexpr size_t kSignatureSize = 64;

std::optional<std::array<unsigned char, kRawSize>> decode_base32(std::string_view text) {
    std::array<unsigned char, kRawSize> raw{};
    uint32_t window = 0;
    int bits = 0;
    size_t size = 0;
    for (const char c : text) {
        uint32_t value = 0;
        if (c >= 'A' && c <= 'Z') {
            value = static_cast<uint32_t>(c - 'A');
        } else if (c >= '2' && c <= '7') {
            value = static_cast<uint32_t>(c - '2') + 26;
        } else {
            return std::nullopt;
        }
        window = window << 5 | value;
        bits += 5;
        if (bits < 8) continue;
        bits -= 8;
        raw[size++] = static_cast<unsigned char>(window >> bits);
    }
    return raw;
}

bool decode_signature(std::string_view text, std::string* signature) {
    const absl::string_view encoded(text.data(), text.size());
    const bool decoded =
        absl::WebSafeBase64Unescape(encoded, signature) || absl::Base64Unescape(encoded, signature);
    return decoded && signature->size() == kSignatureSize;
}

}  // namespace

std::optional<PublicKey> decode_public_nkey(std::string_view text, NkeyKind kind) {
    if (text.size() != kTextSize) return std::nullopt;
    const auto raw = decode_base32(text);
    if (!raw.has_value() || (*raw)[0] != static_cast<unsigned char>(kind)) return std::nullopt;
    const uint16_t crc = base::crc16(std::span(*raw).first(kRawSize - 2));
    if ((*raw)[kRawSize - 2] != (crc & 0xff) || (*raw)[kRawSize - 1] != crc >> 8) {
        return std::nullopt;
    }
    PublicKey key;
    std::copy_n(raw->begin() + 1, key.size(), key.begin());
    return key;
}

bool verify_nonce(const PublicKey& key, std::string_view nonce, std::string_view signature) {
    std::string bytes;
    if (!decode_signature(signature, &bytes)) return false;
    const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> pkey(
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()),
        EVP_PKEY_free);
    const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> verification(EVP_MD_CTX_new(),
                                                                          EVP_MD_CTX_free);
    if (pkey == nullptr || verification == nullptr) return false;
    if (EVP_DigestVerifyInit(verification.get(), nullptr, nullptr, nullptr, pkey.get()) != 1) {
        return false;
    }
    return EVP_DigestVerify(verification.get(),
                            reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                            reinterpret_cast<const unsigned char*>(nonce.data()),
                            nonce.size()) == 1;
}

}  // namespace nuring::auth

// SPDX-License-Identifier: Apache-2.0
#include "core/auth/nkey.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <array>
#include <memory>
#include <string>

#include "absl/strings/escaping.h"
#include "core/base/server_id.h"

namespace nuring::auth {
namespace {

constexpr std::string_view kUserNkey = "UCNGL4W5QX66CFX6A6DCBVDH5VOHMI7B2UZZU7TXAUQQSI2JPHULCKBR";

TEST(NkeyTest, PublicUserKeysOfTheReferenceAreRead) {
    EXPECT_TRUE(decode_public_nkey(kUserNkey, NkeyKind::kUser).has_value());
    EXPECT_TRUE(decode_public_nkey("UDPGQVFIWZ7Q5UH4I5E6DBCZULQS6VTVBG6CYBD7JV3G3N2GMQOMNAUH",
                                   NkeyKind::kUser)
                    .has_value());
}

TEST(NkeyTest, AKeyOfAnotherKindIsRefused) {
    EXPECT_FALSE(decode_public_nkey(kUserNkey, NkeyKind::kAccount).has_value());
}

TEST(NkeyTest, EveryChangedCharacterIsNoticed) {
    for (size_t i = 0; i < kUserNkey.size(); ++i) {
        std::string text(kUserNkey);
        text[i] = text[i] == 'A' ? 'B' : 'A';
        EXPECT_FALSE(decode_public_nkey(text, NkeyKind::kUser).has_value()) << i;
    }
    EXPECT_FALSE(decode_public_nkey("", NkeyKind::kUser).has_value());
    EXPECT_FALSE(decode_public_nkey(kUserNkey.substr(1), NkeyKind::kUser).has_value());
    std::string lower(kUserNkey);
    lower[3] = 'g';
    EXPECT_FALSE(decode_public_nkey(lower, NkeyKind::kUser).has_value());
}

// A fresh Ed25519 pair signs; the public half goes through the text form.
TEST(NkeyTest, ASignatureOfTheNonceIsVerifiedAndAnyOtherRefused) {
    const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> pair(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"),
                                                              EVP_PKEY_free);
    std::array<unsigned char, 32> raw{};
    size_t size = raw.size();
    ASSERT_EQ(EVP_PKEY_get_raw_public_key(pair.get(), raw.data(), &size), 1);
    const auto key = decode_public_nkey(base::make_server_id(raw), NkeyKind::kServer);
    ASSERT_TRUE(key.has_value());

    const std::string nonce = "PXoWU7zWAMt75FY";
    std::array<unsigned char, 64> signature{};
    size_t signature_size = signature.size();
    const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> signing(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    ASSERT_EQ(EVP_DigestSignInit(signing.get(), nullptr, nullptr, nullptr, pair.get()), 1);
    ASSERT_EQ(EVP_DigestSign(signing.get(), signature.data(), &signature_size,
                             reinterpret_cast<const unsigned char*>(nonce.data()), nonce.size()),
              1);
    const absl::string_view bytes(reinterpret_cast<const char*>(signature.data()), signature.size());
    std::string url_form;
    absl::WebSafeBase64Escape(bytes, &url_form);
    std::string standard_form;
    absl::Base64Escape(bytes, &standard_form);

    EXPECT_TRUE(verify_nonce(*key, nonce, url_form));
    EXPECT_TRUE(verify_nonce(*key, nonce, standard_form));
    EXPECT_FALSE(verify_nonce(*key, "another nonce", url_form));
    EXPECT_FALSE(verify_nonce(*key, nonce, ""));
    EXPECT_FALSE(verify_nonce(*key, nonce, "AAAA"));
    EXPECT_FALSE(verify_nonce(*key, nonce, "not base64!"));
    url_form[10] = url_form[10] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(verify_nonce(*key, nonce, url_form));
}

}  // namespace
}  // namespace nuring::auth

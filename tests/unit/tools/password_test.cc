// SPDX-License-Identifier: Apache-2.0
#include "tools/mkpasswd/password.h"

#include <crypt.h>
#include <gtest/gtest.h>

#include <set>
#include <string_view>

namespace nuring::tools {
namespace {

bool matches(const std::string& password, const std::string& hash) {
    crypt_data state = {};
    const char* again = crypt_r(password.c_str(), hash.c_str(), &state);
    return again != nullptr && hash == again;
}

TEST(PasswordTest, GeneratedOnesAreLongAndDiffer) {
    std::set<std::string> seen;
    std::set<char> letters;
    for (int i = 0; i < 200; ++i) {
        const auto password = generate_password();
        ASSERT_TRUE(password.ok());
        EXPECT_EQ(password->size(), kGeneratedSize);
        letters.insert(password->begin(), password->end());
        seen.insert(*password);
    }
    EXPECT_EQ(seen.size(), 200U);
    EXPECT_EQ(letters.size(), 72U);  // 4400 draws leave none out
}

TEST(PasswordTest, HashVerifiesAndIsSalted) {
    const auto hash = bcrypt_hash("S3Cr3T0k3n!", kCostMin);
    ASSERT_TRUE(hash.ok()) << hash.status();
    EXPECT_EQ(hash->size(), 60U);
    EXPECT_TRUE(hash->starts_with("$2a$04$"));
    EXPECT_TRUE(matches("S3Cr3T0k3n!", *hash));
    EXPECT_FALSE(matches("S3Cr3T0k3n", *hash));
    EXPECT_NE(*bcrypt_hash("S3Cr3T0k3n!", kCostMin), *hash);
    EXPECT_TRUE(matches("", *bcrypt_hash("", kCostMin)));
}

TEST(PasswordTest, CostsOutOfRange) {
    EXPECT_TRUE(bcrypt_hash("x", 3)->starts_with("$2a$10$"));
    EXPECT_EQ(bcrypt_hash("x", 32).status().message(),
              "crypto/bcrypt: cost 32 is outside allowed range (4,31)");
}

TEST(PasswordTest, LongPasswordsAreRefusedNotCut) {
    EXPECT_TRUE(bcrypt_hash(std::string(kPasswordMax, 'x'), kCostMin).ok());
    EXPECT_FALSE(bcrypt_hash(std::string(kPasswordMax + 1, 'x'), kCostMin).ok());
}

}  // namespace
}  // namespace nuring::tools

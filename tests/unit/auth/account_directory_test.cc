// SPDX-License-Identifier: Apache-2.0
#include "core/auth/account_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/unit/auth/tokens.h"

namespace nuring::auth {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr int64_t kNow = 2000;

class AccountDirectoryTest : public testing::Test {
  protected:
    AccountDirectoryTest() {
        char name[] = "/tmp/nuring-directory-XXXXXX";
        options_.path = std::string(::mkdtemp(name)) + "/a/b";
    }
    ~AccountDirectoryTest() override {
        std::filesystem::remove_all(std::filesystem::path(options_.path).parent_path().parent_path());
    }

    std::unique_ptr<AccountDirectory> open(bool is_cache = false) {
        auto opened = AccountDirectory::open(options_, is_cache);
        EXPECT_TRUE(opened.ok()) << opened.status();
        return opened.ok() ? *std::move(opened) : nullptr;
    }
    std::string token(const TestKey& account, std::string_view more = {}) const {
        return make_token(operator_, account.text, "account", kNoLimits, more);
    }
    static std::vector<std::string> names(AccountDirectory& directory, int64_t now_s = kNow) {
        std::vector<std::string> names;
        directory.for_each(now_s, [&](const auto& account, const auto&) { names.push_back(account); });
        return names;
    }

    const TestKey operator_{NkeyKind::kOperator, 1};
    const TestKey a_{NkeyKind::kAccount, 2};
    const TestKey b_{NkeyKind::kAccount, 3};
    const TestKey c_{NkeyKind::kAccount, 4};
    config::AccountDirectoryOptions options_;
};

TEST_F(AccountDirectoryTest, WhatIsStoredOutlivesTheDirectory) {
    EXPECT_EQ(open()->fetch(a_.text, kNow).status().message(), "account missing");
    ASSERT_TRUE(open()->store(a_.text, token(a_), kNow).ok());
    const auto directory = open();
    EXPECT_EQ(*directory->fetch(a_.text, kNow), token(a_));
    EXPECT_THAT(names(*directory), ElementsAre(a_.text));
}

TEST_F(AccountDirectoryTest, TheHashIsThatOfTheContentsInAnyOrder) {
    const auto directory = open();
    const auto nothing = directory->hash();
    ASSERT_TRUE(directory->store(a_.text, token(a_), kNow).ok());
    const auto one = directory->hash();
    EXPECT_NE(one, nothing);
    ASSERT_TRUE(directory->store(b_.text, token(b_), kNow).ok());
    EXPECT_EQ(open()->hash(), directory->hash());
    ASSERT_TRUE(directory->store(b_.text, token(b_, R"(,"name":"x")"), kNow).ok());
    EXPECT_EQ(open()->hash(), directory->hash());
    options_.deletion = config::AccountDeletion::kRemoved;
    const auto deletes = open();
    ASSERT_TRUE(deletes->remove(b_.text).ok());
    EXPECT_EQ(deletes->hash(), one);
    ASSERT_TRUE(deletes->remove(a_.text).ok());
    EXPECT_EQ(deletes->hash(), nothing);
}

TEST_F(AccountDirectoryTest, AFullDirectoryRefusesWhatIsBeyondItsLimit) {
    options_.limit = 1;
    const auto directory = open();
    ASSERT_TRUE(directory->store(a_.text, token(a_), kNow).ok());
    EXPECT_EQ(directory->store(b_.text, token(b_), kNow).message(), "jwt store is full");
    EXPECT_TRUE(directory->store(a_.text, token(a_, R"(,"name":"x")"), kNow).ok());
}

TEST_F(AccountDirectoryTest, ACacheForgetsWhatWasUsedLeast) {
    options_.limit = 2;
    const auto directory = open(/*is_cache=*/true);
    ASSERT_TRUE(directory->store(a_.text, token(a_), kNow).ok());
    ASSERT_TRUE(directory->store(b_.text, token(b_), kNow).ok());
    ASSERT_TRUE(directory->fetch(a_.text, kNow).ok());
    ASSERT_TRUE(directory->store(c_.text, token(c_), kNow).ok());
    EXPECT_FALSE(directory->fetch(b_.text, kNow).ok());
    EXPECT_TRUE(directory->fetch(a_.text, kNow).ok());
}

TEST_F(AccountDirectoryTest, AFileGoesWithItsToken) {
    const auto directory = open();
    ASSERT_TRUE(directory->store(a_.text, token(a_, R"(,"exp":2010)"), kNow).ok());
    ASSERT_TRUE(directory->store(b_.text, token(b_), kNow).ok());
    directory->expire(2009);
    EXPECT_EQ(names(*directory).size(), 2u);
    EXPECT_THAT(names(*directory, 2011), ElementsAre(b_.text));
    directory->expire(2010);
    EXPECT_FALSE(directory->fetch(a_.text, kNow).ok());
    EXPECT_EQ(directory->expire_interval_s(), 60);
}

TEST_F(AccountDirectoryTest, WhatNobodyUsesGoesAfterItsTime) {
    options_.ttl = std::chrono::seconds(10);
    ASSERT_TRUE(open()->store(a_.text, token(a_, R"(,"exp":1)"), kNow).ok());
    const auto directory = open(/*is_cache=*/true);
    EXPECT_EQ(directory->expire_interval_s(), 5);
    directory->expire(5000);  // the first look is the beginning
    EXPECT_TRUE(directory->fetch(a_.text, 5008).ok());
    directory->expire(5011);
    EXPECT_TRUE(std::filesystem::exists(options_.path + "/" + a_.text + ".jwt"));
    directory->expire(5018);
    EXPECT_FALSE(std::filesystem::exists(options_.path + "/" + a_.text + ".jwt"));
}

TEST_F(AccountDirectoryTest, APreloadReplacesWhatIsNotNewer) {
    const auto directory = open();
    const std::string old = make_token(operator_, a_.text, "account", kNoLimits, R"(,"name":"old")");
    const std::string fresh = sign_claims(
        operator_, fmt::format(R"({{"iat":1500,"iss":"{}","sub":"{}","nats":{{"type":"account","version":2}}}})",
                               operator_.text, a_.text));
    ASSERT_TRUE(directory->store(a_.text, fresh, kNow).ok());
    ASSERT_TRUE(directory->preload(a_.text, old).ok());
    EXPECT_EQ(*directory->fetch(a_.text, kNow), fresh);
    ASSERT_TRUE(directory->store(a_.text, old, kNow).ok());
    ASSERT_TRUE(directory->preload(a_.text, fresh).ok());
    EXPECT_EQ(*directory->fetch(a_.text, kNow), fresh);
}

TEST_F(AccountDirectoryTest, DeletingLeavesWhatTheOptionsSay) {
    ASSERT_TRUE(open()->store(a_.text, token(a_), kNow).ok());
    EXPECT_EQ(open()->remove(a_.text).message(), "delete must be enabled in server config");
    options_.deletion = config::AccountDeletion::kRenamed;
    const auto directory = open();
    ASSERT_TRUE(directory->remove(a_.text).ok());
    EXPECT_TRUE(directory->remove(b_.text).ok());
    EXPECT_THAT(names(*directory), IsEmpty());
    EXPECT_TRUE(std::filesystem::exists(options_.path + "/" + a_.text + ".jwt.deleted"));
    EXPECT_THAT(names(*open()), IsEmpty());
}

TEST_F(AccountDirectoryTest, StrangeFilesAreNoAccounts) {
    (void)open();
    for (const char* name : {"x.jwt", "README", ".jwt"}) {
        std::ofstream(options_.path + "/" + name) << "x";
    }
    std::ofstream(options_.path + "/" + a_.text + ".jwt") << "-----BEGIN X-----\n"
                                                          << token(a_) << "\n-----END X-----\n";
    const auto directory = open();
    EXPECT_THAT(names(*directory), ElementsAre(a_.text));
    EXPECT_EQ(*directory->fetch(a_.text, kNow), token(a_));
}

TEST_F(AccountDirectoryTest, AFileIsNoDirectory) {
    const auto parent = std::filesystem::path(options_.path).parent_path();
    std::filesystem::create_directories(parent);
    std::ofstream(options_.path) << "x";
    EXPECT_EQ(AccountDirectory::open(options_, false).status().message(),
              "dir needs to point to an accessible directory");
}

}  // namespace
}  // namespace nuring::auth

// SPDX-License-Identifier: Apache-2.0
#include "gateway/leaf_credentials.h"

#include <gtest/gtest.h>

#include <string>

#include "core/auth/nkey.h"

namespace nuring::gateway {
namespace {

constexpr std::string_view kSeed = "SUAOB32VQGYIOM622XJQZKHTK6VSCJSPIBUK4XJBHQPRUV5RGIZ3SA7GZQ";

// A seed of the test's own: any 32 bytes make one.
std::string good_seed() {
    for (const std::string_view text : {kSeed, std::string_view("SUAIBDPBAUTWCWBKIO6XHQNINK5FWJW4OHLXC3HQ2KFE4PEJUA44CNHTC4")}) {
        if (auth::decode_seed(text).has_value()) return std::string(text);
    }
    return {};
}

std::string file_with(std::string_view seed) {
    return "-----BEGIN NATS USER JWT-----\neyJ0.eyJq.c2ln\n------END NATS USER JWT------\n\n"
           "************************* IMPORTANT *************************\n"
           "NKEY Seed printed below can be used to sign and prove identity.\n\n"
           "-----BEGIN USER NKEY SEED-----\n" +
           std::string(seed) + "\n------END USER NKEY SEED------\n";
}

TEST(LeafCredentialsTest, AFileHoldsATokenAndASeed) {
    const std::string seed = good_seed();
    ASSERT_FALSE(seed.empty());
    for (const bool crlf : {false, true}) {
        std::string text = file_with(seed);
        if (crlf) {
            for (size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2) text.insert(at, "\r");
        }
        const auto read = parse_leaf_credentials(text);
        ASSERT_TRUE(read.ok()) << read.status();
        EXPECT_EQ(read->jwt, "eyJ0.eyJq.c2ln");
        const std::string signature = sign_nonce(read->seed, "nonce");
        EXPECT_TRUE(auth::verify_nonce(auth::public_key_of(read->seed), "nonce", signature));
        EXPECT_EQ(signature.find('='), std::string::npos);
    }
}

TEST(LeafCredentialsTest, WhatIsNoSuchFileIsNamed) {
    for (const std::string& text : {std::string(), std::string("token"), file_with("").substr(0, 80),
                                    std::string("---\n---\n"), std::string("-----A-----\nx\n")}) {
        const auto read = parse_leaf_credentials(text);
        ASSERT_FALSE(read.ok()) << text;
        EXPECT_EQ(read.status().message(), "Credentials file malformed");
    }
    const auto read = parse_leaf_credentials(file_with("SUNOTASEED"));
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(read.status().message(), "Credentials file has malformed seed");
}

}  // namespace
}  // namespace nuring::gateway

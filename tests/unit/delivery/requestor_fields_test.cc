// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/requestor_fields.h"

#include <gtest/gtest.h>

#include <string>

#include "gmock/gmock.h"

namespace nuring::delivery {
namespace {

using testing::HasSubstr;

// A request of ten bytes must not become one of kilobytes for its responders.
TEST(RequestorFieldsTest, TextsOfPeersAreCut) {
    const std::string text(4000, 'x');
    const RequestorFields requestor{.host = text,
                                    .account = "A",
                                    .name = text,
                                    .language = text,
                                    .version = text,
                                    .server = text,
                                    .cluster = text,
                                    .kind = "Client"};
    const std::string json = write_requestor(requestor, /*detailed=*/true, "");
    EXPECT_LT(json.size(), 6 * kRequestorTextMax + 256);
    EXPECT_THAT(json, HasSubstr("\"name\":\"" + std::string(kRequestorTextMax, 'x') + "\""));
}

TEST(RequestorFieldsTest, ATextIsCutBetweenRunes) {
    const std::string before(kRequestorTextMax - 1, 'x');
    const std::string name = before + "\xc3\xa4";
    const std::string json = write_requestor({.account = "A", .name = name}, /*detailed=*/true, "");
    EXPECT_THAT(json, HasSubstr("\"name\":\"" + before + "\""));
}

TEST(RequestorFieldsTest, AccountAndUserStayWhole) {
    const std::string text(4000, 'x');
    const std::string json =
        write_requestor({.account = text, .user = text}, /*detailed=*/true, text);
    for (const char* key : {"acc", "svc", "user"}) {
        EXPECT_THAT(json, HasSubstr("\"" + std::string(key) + "\":\"" + text + "\""));
    }
}

}  // namespace
}  // namespace nuring::delivery

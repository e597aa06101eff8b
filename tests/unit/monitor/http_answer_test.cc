// SPDX-License-Identifier: Apache-2.0
#include "monitor/http_answer.h"

#include "gtest/gtest.h"

namespace nuring::monitor {
namespace {

constexpr std::string_view kDate = "Sun, 06 Nov 1994 08:49:37 GMT";

TEST(HttpAnswerTest, DatesAreThoseOfHttp) {
    EXPECT_EQ(http_date(uint64_t{784111777} * 1'000'000'000), kDate);
}

TEST(HttpAnswerTest, AHeadEndsWithAnEmptyLine) {
    const HttpAnswer answer{.content_type = "application/json",
                            .body = "{}",
                            .headers = {{"Access-Control-Allow-Origin", "*"}}};
    EXPECT_EQ(http_head({}, answer, kDate),
              "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: 2\r\n"
              "Content-Type: application/json\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n");
}

TEST(HttpAnswerTest, AHeadSaysWhetherTheConnectionGoesOn) {
    const HttpAnswer answer{.status = 404};
    EXPECT_EQ(http_head({.goes_on = false}, answer, kDate),
              "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n"
              "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n");
    EXPECT_TRUE(http_head({.old = true}, answer, kDate).starts_with("HTTP/1.0 404 Not Found\r\nConnection: keep-alive"));
    EXPECT_EQ(http_head({.old = true, .goes_on = false}, answer, kDate).find("Connection"), std::string::npos);
}

}  // namespace
}  // namespace nuring::monitor

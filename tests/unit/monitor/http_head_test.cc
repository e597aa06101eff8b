// SPDX-License-Identifier: Apache-2.0
#include "monitor/http_head.h"

#include "gtest/gtest.h"

namespace nuring::monitor {
namespace {

TEST(HttpHeadTest, AnyMethodButHeadIsGet) {
    for (const std::string method : {"GET", "POST", "PROPFIND", "x", "*", "get"}) {
        EXPECT_EQ(plain_head(method + " /varz HTTP/1.1\r\nHost: x\r\n\r\n"),
                  "GET /varz HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    EXPECT_EQ(plain_head("HEAD / HTTP/1.0\r\n\r\n"), "HEAD / HTTP/1.0\r\n\r\n");
}

TEST(HttpHeadTest, OfAWholeUrlThePathCounts) {
    EXPECT_EQ(plain_head("GET http://h:8222/connz?cid=1 HTTP/1.1\r\n\r\n"),
              "GET /connz?cid=1 HTTP/1.1\r\n\r\n");
    EXPECT_EQ(plain_head("GET https://h HTTP/1.1\r\n\r\n"), "GET / HTTP/1.1\r\n\r\n");
    EXPECT_EQ(plain_head("GET /http://h HTTP/1.1\r\n\r\n"), "GET /http://h HTTP/1.1\r\n\r\n");
}

TEST(HttpHeadTest, ABareLineFeedEndsALine) {
    EXPECT_EQ(plain_head("GET /varz HTTP/1.0\nA: b\r\n\n"), "GET /varz HTTP/1.0\r\nA: b\r\n\r\n");
}

TEST(HttpHeadTest, WhatIsNoHttpStaysBroken) {
    EXPECT_EQ(plain_head("\r\n\r\n"), "\r\n\r\n");
    EXPECT_EQ(plain_head(""), "");
    EXPECT_EQ(plain_head(" "), " ");
    EXPECT_EQ(plain_head("GET"), "GET");
    EXPECT_EQ(plain_head("GET /varz\r\n\r\n"), "GET /varz\r\n\r\n");
    EXPECT_EQ(plain_head("G\x01T / HTTP/1.1\r\n\r\n"), "G\x01T / HTTP/1.1\r\n\r\n");
    EXPECT_EQ(plain_head(" / HTTP/1.1\r\n\r\n"), " / HTTP/1.1\r\n\r\n");
}

}  // namespace
}  // namespace nuring::monitor

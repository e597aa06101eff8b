// SPDX-License-Identifier: Apache-2.0
#include "proto/http_request.h"

#include "gtest/gtest.h"

namespace nuring::proto {
namespace {

std::string status_of(const HttpRequest& request) {
    return request.refusal.substr(0, request.refusal.find("\r\n"));
}

TEST(HttpRequestTest, TargetIsPathAndQueryInAnyForm) {
    for (const std::string_view target :
         {"/connz?subs=1", "http://host:8222/connz?subs=1", "https://[::1]/connz?subs=1"}) {
        const auto request =
            read_http_request("GET " + std::string(target) + " HTTP/1.1\r\nHost: x\r\n\r\n");
        EXPECT_EQ(request.refusal, "");
        EXPECT_EQ(request.target, "/connz?subs=1");
    }
    EXPECT_EQ(read_http_request("GET http://host HTTP/1.1\r\nHost: x\r\n\r\n").target, "/");
    EXPECT_EQ(read_http_request("GET /%41%7a?%zz% HTTP/1.1\r\nHost: x\r\n\r\n").target, "/%41%7a?%zz%");
}

TEST(HttpRequestTest, AHeadEndsAtItsFirstEmptyLine) {
    constexpr std::string_view kHead = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    EXPECT_EQ(find_http_head_end("GET / HTTP/1.1\nHost: x\n\nbody\n\r\n", 0), 24U);
    EXPECT_EQ(find_http_head_end("GET / HTTP/1.1\nHost: x\n\r\nbody\n\n", 0), 25U);
    EXPECT_EQ(find_http_head_end(kHead.substr(0, kHead.size() - 1), 0), 0U);
    // However much of it has been searched before.
    for (size_t scanned = 0; scanned < kHead.size(); ++scanned) {
        EXPECT_EQ(find_http_head_end(kHead, scanned), kHead.size()) << scanned;
    }
}

TEST(HttpRequestTest, WhatIsNoHttpIsRefused) {
    for (const std::string_view head :
         {"", " ", "\r\n\r\n", "GET\r\n\r\n", "GET /varz\r\n\r\n", " / HTTP/1.1\r\n\r\n",
          "G\x01T / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
          "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", "GET /a%4 HTTP/1.1\r\nHost: x\r\n\r\n",
          "GET /% HTTP/1.1\r\nHost: x\r\n\r\n"}) {
        EXPECT_EQ(status_of(read_http_request(head)), "HTTP/1.1 400 Bad Request") << head;
    }
}

TEST(HttpRequestTest, ConnectionsOfHttp11AreKeptUnlessToldOtherwise) {
    const auto goes_on = [](std::string_view fields, std::string_view version = "1.1") {
        std::string head = "GET / HTTP/";
        head.append(version).append("\r\nHost: x\r\n").append(fields).append("\r\n");
        return read_http_request(head).goes_on;
    };
    EXPECT_TRUE(goes_on(""));
    EXPECT_TRUE(goes_on("Connection: upgrade, keep-alive\r\n"));
    EXPECT_FALSE(goes_on("connection: Close\r\n"));
    EXPECT_FALSE(goes_on("Connection: te,\tclose\r\n"));
    EXPECT_FALSE(goes_on("", "1.0"));
    EXPECT_TRUE(goes_on("Connection: Keep-Alive\r\n", "1.0"));
    EXPECT_FALSE(goes_on("Content-Length: 5\r\n"));  // the body is not read
    EXPECT_TRUE(goes_on("Content-Length: 0\r\n"));
    EXPECT_FALSE(goes_on("Transfer-Encoding: Chunked\r\n"));
}

TEST(HttpRequestTest, LengthsMustBeOneNumber) {
    const auto refused = [](std::string_view fields) {
        std::string head = "GET / HTTP/1.1\r\nHost: x\r\n";
        head.append(fields).append("\r\n");
        return status_of(read_http_request(head));
    };
    EXPECT_EQ(refused("Content-Length: 5\r\nContent-Length: 5\r\n"), "");
    for (const std::string_view value : {"-1", "+1", "0x1", "1 1", "9223372036854775808", "1,1"}) {
        EXPECT_EQ(refused("Content-Length: " + std::string(value) + "\r\n"),
                  "HTTP/1.1 400 Bad Request")
            << value;
    }
    EXPECT_EQ(refused("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
              "HTTP/1.1 501 Not Implemented");
}

TEST(HttpRequestTest, AnyBytesAreAnsweredOrRefused) {
    const std::string head = "GET /a?b HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n";
    for (size_t at = 0; at < head.size(); ++at) {
        for (int byte = 0; byte < 256; ++byte) {
            std::string changed = head;
            changed[at] = static_cast<char>(byte);
            const HttpRequest request = read_http_request(changed);
            const int outcomes = (request.refusal.empty() ? 0 : 1) +
                                 (request.empty_status == 0 ? 0 : 1) +
                                 (request.target.empty() ? 0 : 1);
            EXPECT_EQ(outcomes, 1) << at << " " << byte;
            EXPECT_FALSE(request.goes_on && !request.refusal.empty());
        }
        const HttpRequest cut = read_http_request(std::string_view(head).substr(0, at));
        EXPECT_TRUE(cut.refusal.empty() != cut.target.empty()) << at;
    }
}

}  // namespace
}  // namespace nuring::proto

// SPDX-License-Identifier: Apache-2.0
#include "proto/headers.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace nuring::proto {
namespace {

std::string set(std::string_view block, const HeaderChange& change) {
    const size_t size = set_header_size_max(block, change);
    const auto memory = std::make_unique<char[]>(size);
    char* end = set_header(memory.get(), block, change);
    EXPECT_LE(static_cast<size_t>(end - memory.get()), size);
    return {memory.get(), end};
}

TEST(HeadersTest, ChecksTheWholeBlock) {
    for (const std::string_view block :
         {"NATS/1.0\r\n\r\n", "NATS/1.0 503\r\n\r\n", "NATS/1.0 100 Idle Heartbeat\r\nA:b\r\n\r\n",
          "NATS/1.0\r\nKey: value\r\nKey:\r\nOther:a:b\r\n\r\n"}) {
        EXPECT_EQ(check_headers(block), HeaderStatus::kOk) << block;
    }
    const struct {
        std::string_view block;
        HeaderStatus status;
    } rows[] = {
        {"", HeaderStatus::kBadVersion},
        {"NATS/1.1\r\n\r\n", HeaderStatus::kBadVersion},
        {"NATS/1.0", HeaderStatus::kBadVersion},
        {"NATS/1.00\r\n\r\n", HeaderStatus::kBadVersion},
        {"NATS/1.0 x", HeaderStatus::kUnterminated},
        {"NATS/1.0\r\n", HeaderStatus::kUnterminated},
        {"NATS/1.0\r\nA: b\r\n", HeaderStatus::kUnterminated},
        {"NATS/1.0\r\nA: b", HeaderStatus::kUnterminated},
        {"NATS/1.0\r\nA b\r\n\r\n", HeaderStatus::kBadLine},
        {"NATS/1.0\r\n: b\r\n\r\n", HeaderStatus::kBadLine},
        {"NATS/1.0\r\nA : b\r\n\r\n", HeaderStatus::kBadLine},
        {"NATS/1.0\r\nA\x7f: b\r\n\r\n", HeaderStatus::kBadLine},
        {"NATS/1.0\r\n\r\nx", HeaderStatus::kTrailing},
    };
    for (const auto& row : rows) EXPECT_EQ(check_headers(row.block), row.status) << row.block;
}

TEST(HeadersTest, StatusStandsBehindTheVersion) {
    EXPECT_EQ(header_status("NATS/1.0\r\n\r\n"), "");
    EXPECT_EQ(header_status("NATS/1.0 503\r\n\r\n"), "503");
    EXPECT_EQ(header_status("NATS/1.0  408 Request Timeout \r\nA: b\r\n\r\n"),
              "408 Request Timeout");
    EXPECT_EQ(header_status("HTTP/1.0 503\r\n\r\n"), "");
    EXPECT_EQ(header_status("NATS/1.0 503"), "");
}

TEST(HeadersTest, FindsTheFirstOfAName) {
    const std::string_view block = "NATS/1.0\r\nAB: 1\r\nA:  2 \r\nA: 3\r\na: 4\r\n\r\n";
    HeaderField field;
    ASSERT_TRUE(find_header(block, "A", &field));
    EXPECT_EQ(field.value, "2");
    EXPECT_EQ(field.line, "A:  2 \r\n");
    ASSERT_TRUE(find_header(block, "a", &field));
    EXPECT_EQ(field.value, "4");
    EXPECT_FALSE(find_header(block, "B", &field));
    EXPECT_FALSE(find_header("", "A", &field));
    EXPECT_FALSE(find_header("NATS/1.0\r\nA", "A", &field));
}

TEST(HeadersTest, SetsOneHeader) {
    EXPECT_EQ(set("", {"A", "1"}), "NATS/1.0\r\nA: 1\r\n\r\n");
    EXPECT_EQ(set("NATS/1.0\r\n\r\n", {"A", "1"}), "NATS/1.0\r\nA: 1\r\n\r\n");
    EXPECT_EQ(set("NATS/1.0 503\r\nB: 2\r\n\r\n", {"A", ""}),
              "NATS/1.0 503\r\nB: 2\r\nA: \r\n\r\n");
    EXPECT_EQ(set("NATS/1.0\r\nA: 1\r\nB: 2\r\nA: 3\r\n\r\n", {"A", "long"}),
              "NATS/1.0\r\nB: 2\r\nA: long\r\n\r\n");
    EXPECT_EQ(set("NATS/1.0\r\nAA: 1\r\na: 2\r\nA : 3\r\nB: A: 4\r\n\r\n", {"A", "5"}),
              "NATS/1.0\r\nAA: 1\r\na: 2\r\nA : 3\r\nB: A: 4\r\nA: 5\r\n\r\n");
}

// What servers and clients make of such blocks differs: none of them may find another header of that name.
TEST(HeadersTest, SetsOneHeaderInBadBlocks) {
    const struct {
        std::string_view block;
        std::string_view value;  // of A
        std::string_view changed;
    } rows[] = {
        {"NATS/1.0\r\nno colon\r\nA: 1\r\n\r\n", "1", "NATS/1.0\r\nno colon\r\nA: new\r\n\r\n"},
        {"NATS/1.0\r\nA: 1\r\nno colon\r\nA: 2\r\n\r\n", "1",
         "NATS/1.0\r\nno colon\r\nA: new\r\n\r\n"},
        {"NATS/1.0\r\nA: 1\r\n", "1", "NATS/1.0\r\nA: new\r\n\r\n"},
        {"NATS/1.0\r\nA: 1", "1", "NATS/1.0\r\nA: new\r\n\r\n"},
        {"NATS/1.0\r\nB: 1\nA: 2\r\n\r\n", "2", "NATS/1.0\r\nB: 1\r\nA: new\r\n\r\n"},
        {"NATS/1.0\r\nB: 1\rA: 2\r\nC: 3\r\n\r\n", "2", "NATS/1.0\r\nB: 1\rC: 3\r\nA: new\r\n\r\n"},
        {"NATS/1.0\r\n\r\nA: 1\r\n\r\n", "1", "NATS/1.0\r\nA: new\r\n\r\n"},
        {"HTTP/1.1\r\nA: 1\r\n\r\n", "1", "HTTP/1.1\r\nA: new\r\n\r\n"},
        {"\r\nA: 1", "1", "NATS/1.0\r\nA: new\r\n\r\n"},
        {"NATS/1.0\nA:1", "1", "NATS/1.0\r\nA: new\r\n\r\n"},
        {"garbage", "", "garbage\r\nA: new\r\n\r\n"},
        {"A: 1", "", "A: 1\r\nA: new\r\n\r\n"},
    };
    for (const auto& row : rows) {
        HeaderField field;
        EXPECT_EQ(find_header(row.block, "A", &field), !row.value.empty()) << row.block;
        EXPECT_EQ(field.value, row.value) << row.block;
        EXPECT_EQ(set(row.block, {"A", "new"}), row.changed) << row.block;
    }
}

}  // namespace
}  // namespace nuring::proto

// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/trace_headers.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nuring::delivery {
namespace {

using testing::ElementsAre;
using testing::Key;

// Do these lines ask to be measured? Then found has their names.
bool asks(const std::string& lines, TraceHeaders* found = nullptr) {
    TraceHeaders unused;
    return is_traced("NATS/1.0\r\n" + lines + "\r\n", found == nullptr ? &unused : found);
}

TEST(TraceHeadersTest, FlagsAreHexadecimalAndTheirLowestBitCounts) {
    for (const char* flags : {"1", "01", "b", "0B", "7f"}) {
        EXPECT_TRUE(asks(std::string("Uber-Trace-Id: a:b:c:") + flags + "\r\n")) << flags;
    }
    for (const char* flags : {"0", "2", "a", "7e", "g", "001", ""}) {
        EXPECT_FALSE(asks(std::string("Uber-Trace-Id: a:b:c:") + flags + "\r\n")) << flags;
    }
    EXPECT_TRUE(asks("Traceparent: 00-4b-00-01\r\n"));
    EXPECT_TRUE(asks("Traceparent: 00-4b-00-79\r\n"));
    EXPECT_FALSE(asks("Traceparent: 00-4b-00-81\r\n")) << "a sign there";
    EXPECT_FALSE(asks("Traceparent: 00-4b-00-1\r\n"));
}

TEST(TraceHeadersTest, NamesAreComparedWithoutCaseAndReportedAsGoWritesThem) {
    TraceHeaders found;
    EXPECT_TRUE(asks("x-b3-sampled: 1\r\nX-B3-TRACEID: t\r\nOther: o\r\n", &found));
    EXPECT_THAT(found, ElementsAre(Key("X-B3-Sampled"), Key("X-B3-Traceid")));
    found.clear();
    EXPECT_TRUE(asks("uber-trace-id: a:b:c:1\r\nuberctx-user: u\r\n", &found));
    EXPECT_THAT(found, ElementsAre(Key("Uber-Trace-Id"), Key("Uberctx-User")));
}

TEST(TraceHeadersTest, WhatIsSampledElsewhereDecidesForZipkin) {
    EXPECT_TRUE(asks("X-B3-Traceid: t\r\n"));
    EXPECT_FALSE(asks("X-B3-Sampled: 0\r\nX-B3-Traceid: t\r\n"));
    EXPECT_TRUE(asks("B3: t-s-1\r\n"));
    EXPECT_FALSE(asks("B3: t-s-0\r\n"));
    EXPECT_FALSE(asks("B3: 0\r\n"));
    EXPECT_FALSE(asks("Other: 1\r\n"));
}

}  // namespace
}  // namespace nuring::delivery

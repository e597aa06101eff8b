// SPDX-License-Identifier: Apache-2.0
#include "proto/tracked_reply.h"

#include <array>

#include "gtest/gtest.h"
#include "proto/remote_latency.h"

namespace nuring::proto {
namespace {

TEST(TrackedReplyTest, ItNamesTheNodeThatMeasures) {
    EXPECT_EQ(tracking_node("_R_.abcdef.ghijkl.b2oh2L6w.T"), "b2oh2L6w");
    EXPECT_EQ(tracking_node("_R_.0123456789abcdef.NUmM6cRx.T"), "NUmM6cRx");
}

TEST(TrackedReplyTest, OtherSubjectsNameNone) {
    for (const char* subject :
         {"", "T", ".T", "_R_.a.T", "_R_.abcdef.ghijkl", "_R_.abcdef.ghijkl.b2oh2L6w", "_R_.a.b2oh2L6w.t",
          "_R_.a.b2oh2L6.T", "_R_.a.b2oh2.6w.T", "_R_.ab2oh2L6w.T", "_INBOX.a.b2oh2L6w.T", "_R_.a.b2oh2L*w.T"}) {
        EXPECT_EQ(tracking_node(subject), "") << subject;
    }
}

TEST(TrackedReplyTest, ANodeHashHasADigitForEachByte) {
    std::array<uint8_t, 32> digest{};
    for (size_t i = 0; i < digest.size(); ++i) digest[i] = static_cast<uint8_t>(i * 9);
    EXPECT_EQ(node_hash(digest), "09IRajs1");
}

TEST(RemoteLatencyTest, TheMeasurementOfTheResponder) {
    JsonParser parser;
    RemoteLatency read;
    const char* text = R"({"account":"EXP","req_id":"_R_.x","m2":{"type":"","status":200,
        "responder":{"acc":"EXP","rtt": 7,"name":"n"},"service":11,"total":18},"more":[1]})";
    ASSERT_EQ(parse_remote_latency(text, &parser, &read), JsonStatus::kOk);
    EXPECT_EQ(read.account, "EXP");
    EXPECT_EQ(read.request, "_R_.x");
    EXPECT_EQ(read.responder, R"({"acc":"EXP","rtt":7,"name":"n"})");
    EXPECT_EQ(read.responder_rtt_ns, 7U);
    EXPECT_EQ(read.service_ns, 11U);
}

TEST(RemoteLatencyTest, WhatIsNegativeOrMissingIsNothing) {
    JsonParser parser;
    RemoteLatency read;
    ASSERT_EQ(parse_remote_latency(R"({"m2":{"responder":null,"service":-1}})", &parser, &read), JsonStatus::kOk);
    EXPECT_EQ(read.responder, "");
    EXPECT_EQ(read.service_ns, 0U);
    for (const char* bad : {"", "[]", R"({"account":1})", R"({"m2":[]})", R"({"m2":{"responder":"x"}})",
                            R"({"m2":{"service":"x"}})", R"({"m2":{"responder":{"rtt":{}}}})"}) {
        RemoteLatency none;
        EXPECT_NE(parse_remote_latency(bad, &parser, &none), JsonStatus::kOk) << bad;
    }
}

}  // namespace
}  // namespace nuring::proto

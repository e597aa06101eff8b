// SPDX-License-Identifier: Apache-2.0
#include "core/link/close_reason.h"

#include <set>
#include <string_view>

#include "gtest/gtest.h"

namespace nuring::link {
namespace {

// Source: server/monitor.go, ClosedState.String() 2.0.0-RC19.
TEST(CloseReasonTest, TextsAreThoseThatMonitoringToolsKnow) {
    EXPECT_EQ(to_text(CloseReason::kClientClosed), "Client Closed");
    EXPECT_EQ(to_text(CloseReason::kSlowConsumerPendingBytes), "Slow Consumer (Pending Bytes)");
    EXPECT_EQ(to_text(CloseReason::kSlowConsumerWriteDeadline), "Slow Consumer (Write Deadline)");
    EXPECT_EQ(to_text(CloseReason::kStaleConnection), "Stale Connection");
    EXPECT_EQ(to_text(CloseReason::kMaxConnectionsExceeded), "Maximum Connections Exceeded");
    EXPECT_EQ(to_text(CloseReason::kServerShutdown), "Server Shutdown");
}

TEST(CloseReasonTest, EachReasonHasATextOfItsOwn) {
    std::set<std::string_view> texts;
    for (unsigned reason = 1; reason < kCloseReasonCount; ++reason) {
        const std::string_view text = to_text(static_cast<CloseReason>(reason));
        EXPECT_FALSE(text.empty()) << reason;
        EXPECT_TRUE(texts.insert(text).second) << text;
    }
}

}  // namespace
}  // namespace nuring::link

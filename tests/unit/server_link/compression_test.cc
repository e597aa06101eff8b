// SPDX-License-Identifier: Apache-2.0
#include "core/server_link/compression.h"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace nuring::server_link {
namespace {

using config::CompressionMode;

config::CompressionOptions options(CompressionMode mode, std::vector<int> thresholds_ms = {}) {
    config::CompressionOptions own;
    own.mode = mode;
    for (const int each : thresholds_ms) own.rtt_thresholds.push_back(std::chrono::milliseconds(each));
    return own;
}

std::string selected(CompressionMode own, std::string_view other) {
    const auto compression = select_compression(options(own, {10, 50, 100}), other, /*rtt_ns=*/1);
    return compression.has_value() ? std::string(to_text(*compression)) : "refused";
}

// The table of selectCompressionMode in server/server.go 2.15.
TEST(CompressionTest, IsSelectedAsByTheReference) {
    EXPECT_EQ(selected(CompressionMode::kFast, ""), "not supported");
    EXPECT_EQ(selected(CompressionMode::kFast, "not supported"), "not supported");
    EXPECT_EQ(selected(CompressionMode::kOff, "s2_fast"), "off");
    EXPECT_EQ(selected(CompressionMode::kAccept, "off"), "off");
    EXPECT_EQ(selected(CompressionMode::kAccept, "accept"), "off");
    EXPECT_EQ(selected(CompressionMode::kAccept, "s2_best"), "s2_best");
    EXPECT_EQ(selected(CompressionMode::kAccept, "s2_uncompressed"), "s2_uncompressed");
    EXPECT_EQ(selected(CompressionMode::kAccept, "s2_auto"), "s2_fast");
    EXPECT_EQ(selected(CompressionMode::kBetter, "accept"), "s2_better");
    EXPECT_EQ(selected(CompressionMode::kBetter, "s2_fast"), "s2_better");
    EXPECT_EQ(selected(CompressionMode::kAuto, "accept"), "s2_uncompressed");
    EXPECT_EQ(selected(CompressionMode::kFast, "S2_FAST"), "refused");
    EXPECT_EQ(selected(CompressionMode::kFast, "zip"), "refused");
    EXPECT_EQ(selected(CompressionMode::kNotSupported, "s2_fast"), "not supported");
}

std::string level(std::vector<int> thresholds_ms, uint64_t rtt_ms) {
    return std::string(
        to_text(level_for(options(CompressionMode::kAuto, std::move(thresholds_ms)), rtt_ms * 1'000'000)));
}

TEST(CompressionTest, TheLevelOfAutoGoesByTheRoundTripTime) {
    EXPECT_EQ(level({10, 50, 100}, 10), "s2_uncompressed");
    EXPECT_EQ(level({10, 50, 100}, 11), "s2_fast");
    EXPECT_EQ(level({10, 50, 100}, 100), "s2_better");
    EXPECT_EQ(level({10, 50, 100}, 101), "s2_best");
    EXPECT_EQ(level({10, 50, 100, 200}, 1000), "s2_best");
    // A 0 leaves its level out; above the last one the last is taken.
    EXPECT_EQ(level({0, 50}, 1), "s2_fast");
    EXPECT_EQ(level({0, 50}, 51), "s2_fast");
    EXPECT_EQ(level({10}, 11), "s2_uncompressed");
}

}  // namespace
}  // namespace nuring::server_link

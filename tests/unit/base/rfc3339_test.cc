// SPDX-License-Identifier: Apache-2.0
#include "core/base/rfc3339.h"

#include "gtest/gtest.h"

namespace nuring::base {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

TEST(Rfc3339Test, FractionHasNoZerosAtItsEnd) {
    EXPECT_EQ(format_rfc3339(0), "1970-01-01T00:00:00Z");
    EXPECT_EQ(format_rfc3339(1'795'393'800 * kSecond + 303'425'400), "2026-11-23T00:30:00.3034254Z");
    EXPECT_EQ(format_rfc3339_seconds(253'402'300'799), "9999-12-31T23:59:59Z");
    EXPECT_EQ(format_rfc3339(1), "1970-01-01T00:00:00.000000001Z");
}

}  // namespace
}  // namespace nuring::base

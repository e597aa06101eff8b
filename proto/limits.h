// SPDX-License-Identifier: Apache-2.0
// Limits of the wire protocol, with unit and source.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

namespace nuring::proto {

// Default of `max_control_line`, in bytes: the argument part of one control line (server/const.go).
inline constexpr uint32_t kControlLineSizeDefault = 4096;

// Default of `max_payload`, in bytes (server/const.go).
inline constexpr int64_t kPayloadSizeDefault = 1024 * 1024;

// `max_payload` value which means "no limit" (jwt.NoLimit).
inline constexpr int64_t kPayloadUnlimited = -1;

// No message is larger than this, limit or not: sizes travel in 32 bits behind the parser.
inline constexpr int64_t kPayloadSizeMax = std::numeric_limits<int32_t>::max();

// Arguments of the client verbs that carry them (server/const.go: MAX_PUB_ARGS and friends).
inline constexpr size_t kPublishArgsMin = 2;
inline constexpr size_t kPublishArgsMax = 3;
inline constexpr size_t kHeaderPublishArgsMin = 3;
inline constexpr size_t kHeaderPublishArgsMax = 4;
inline constexpr size_t kSubscribeArgsMin = 2;
inline constexpr size_t kSubscribeArgsMax = 3;
inline constexpr size_t kUnsubscribeArgsMin = 1;
inline constexpr size_t kUnsubscribeArgsMax = 2;
inline constexpr size_t kClientArgsMax = kHeaderPublishArgsMax;

// "\r\n" behind a control line and behind a payload.
inline constexpr size_t kLineEndSize = 2;

// Characters of the longest unsigned 64-bit number in decimal.
inline constexpr size_t kDecimalDigitsMax = 20;

static_assert(kPublishArgsMax <= kClientArgsMax);
static_assert(kSubscribeArgsMax <= kClientArgsMax);
static_assert(kUnsubscribeArgsMax <= kClientArgsMax);
static_assert(kPayloadSizeDefault <= kPayloadSizeMax);

}  // namespace nuring::proto

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

// The words of a route's line that a parser keeps as they come: an LMSG's origin, account, subject,
// reply indicator, reply and first queue. Queue names have no number; the sizes at the end are
// found from behind.
inline constexpr size_t kRouteArgsKept = 6;

// Bytes of a control line between servers, at least. Servers before 2.2 stop at 4096 when a line is
// split over two reads; those since 2.12.14 at 16 times `max_control_line`.
inline constexpr uint32_t kServerControlLineSizeDefault = 64 * 1024;

// Digits of a size or weight between servers; longer ones are no number (server/util.go: parseSize,
// 2.2+). `max_payload` does not hold between servers, so this is what bounds a routed message.
inline constexpr size_t kServerNumberDigitsMax = 9;

// "\r\n" behind a control line and behind a payload.
inline constexpr size_t kLineEndSize = 2;

// Bytes of a subject, pattern or queue name that configuration or claims may hold, and of one that a
// mapping or import makes. Clients are bound by their control line; but what stands in a file has no line,
// and lengths travel in 16 bits behind the parser.
inline constexpr size_t kSubjectSizeMax = 16 * 1024;

// Bytes of a name of an account, a server or a cluster. Ours: such names stand in lines and records.
inline constexpr size_t kNameSizeMax = 1024;

// Characters of the longest unsigned 64-bit number in decimal.
inline constexpr size_t kDecimalDigitsMax = 20;

static_assert(2 * kSubjectSizeMax + kNameSizeMax <= std::numeric_limits<uint16_t>::max());
static_assert(kPublishArgsMax <= kClientArgsMax);
static_assert(kSubscribeArgsMax <= kClientArgsMax);
static_assert(kUnsubscribeArgsMax <= kClientArgsMax);
static_assert(kServerControlLineSizeDefault > kControlLineSizeDefault);
static_assert(kPayloadSizeDefault <= kPayloadSizeMax);

}  // namespace nuring::proto

// SPDX-License-Identifier: Apache-2.0
// The requests that a client got and remembers, by their reply subjects.
// Source: server/gateway.go (trackGWReply) and server/client.go (trackRemoteReply) 2.9.10.
#pragma once

#include <cstdint>

#include "core/base/expiring_names.h"
#include "proto/gateway_reply.h"

namespace nuring::client {

// Requests of another cluster. An answer goes back there directly, whether or not the interest in it is known
// here by then.
using ReplyOrigins = base::ExpiringNames<proto::ReplyOrigin>;
inline constexpr uint64_t kOriginRemembered_ns = 2'000'000'000;

// Requests that another server measures (proto/tracked_reply.h), with their time: that server gets a report
// of how long the answer took.
using TrackedReplies = base::ExpiringNames<uint64_t>;

}  // namespace nuring::client

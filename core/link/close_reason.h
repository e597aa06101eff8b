// SPDX-License-Identifier: Apache-2.0
// Why a link was closed: one enum, with the texts that /connz and the logs show.
// Source: server/monitor.go, ClosedState 2.0.0-RC19, and 2.9.10 for the later ones.
#pragma once

#include <cstdint>
#include <string_view>

namespace nuring::link {

enum class CloseReason : uint8_t {
    kNone,
    kClientClosed,
    kAuthenticationTimeout,
    kAuthenticationFailure,
    kTlsHandshakeFailure,
    kSlowConsumerPendingBytes,
    kSlowConsumerWriteDeadline,
    kWriteError,
    kReadError,
    kParseError,
    kStaleConnection,
    kProtocolViolation,
    kBadClientProtocolVersion,
    kIncorrectPort,
    kMaxAccountConnectionsExceeded,
    kMaxConnectionsExceeded,
    kMaxPayloadExceeded,
    kMaxControlLineExceeded,
    kMaxSubscriptionsExceeded,
    kDuplicateRoute,
    kRouteRemoved,
    kServerShutdown,
    kAuthenticationExpired,
    kWrongGateway,
    kMissingAccount,
    kRevocation,
    kInternalClient,
    kNoRespondersRequiresHeaders,
    kClusterNameConflict,
    kDuplicateServerName,
    kDuplicateRemoteLeafnode,
    kMinimumVersionRequired,
    kClusterNamesIdentical,
    kLeafRemoteRemoved,
    kKicked,
};

inline constexpr unsigned kCloseReasonCount =
    static_cast<unsigned>(CloseReason::kKicked) + 1;

std::string_view to_text(CloseReason reason);

}  // namespace nuring::link

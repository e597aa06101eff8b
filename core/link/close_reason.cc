// SPDX-License-Identifier: Apache-2.0
#include "core/link/close_reason.h"

namespace nuring::link {

std::string_view to_text(CloseReason reason) {
    switch (reason) {
        case CloseReason::kNone: break;
        case CloseReason::kClientClosed: return "Client Closed";
        case CloseReason::kAuthenticationTimeout: return "Authentication Timeout";
        case CloseReason::kAuthenticationFailure: return "Authentication Failure";
        case CloseReason::kTlsHandshakeFailure: return "TLS Handshake Failure";
        case CloseReason::kSlowConsumerPendingBytes: return "Slow Consumer (Pending Bytes)";
        case CloseReason::kSlowConsumerWriteDeadline: return "Slow Consumer (Write Deadline)";
        case CloseReason::kWriteError: return "Write Error";
        case CloseReason::kReadError: return "Read Error";
        case CloseReason::kParseError: return "Parse Error";
        case CloseReason::kStaleConnection: return "Stale Connection";
        case CloseReason::kProtocolViolation: return "Protocol Violation";
        case CloseReason::kBadClientProtocolVersion: return "Bad Client Protocol Version";
        case CloseReason::kIncorrectPort: return "Incorrect Port";
        case CloseReason::kMaxAccountConnectionsExceeded: return "Maximum Account Connections Exceeded";
        case CloseReason::kMaxConnectionsExceeded: return "Maximum Connections Exceeded";
        case CloseReason::kMaxPayloadExceeded: return "Maximum Message Payload Exceeded";
        case CloseReason::kMaxControlLineExceeded: return "Maximum Control Line Exceeded";
        case CloseReason::kMaxSubscriptionsExceeded: return "Maximum Subscriptions Exceeded";
        case CloseReason::kDuplicateRoute: return "Duplicate Route";
        case CloseReason::kRouteRemoved: return "Route Removed";
        case CloseReason::kServerShutdown: return "Server Shutdown";
        case CloseReason::kAuthenticationExpired: return "Authentication Expired";
        case CloseReason::kWrongGateway: return "Wrong Gateway";
        case CloseReason::kMissingAccount: return "Missing Account";
        case CloseReason::kRevocation: return "Credentials Revoked";
        case CloseReason::kInternalClient: return "Internal Client";
        case CloseReason::kNoRespondersRequiresHeaders: return "No Responders Requires Headers";
        case CloseReason::kClusterNameConflict: return "Cluster Name Conflict";
        case CloseReason::kDuplicateServerName: return "Duplicate Server Name";
        case CloseReason::kDuplicateRemoteLeafnode: return "Duplicate Remote LeafNode Connection";
        case CloseReason::kMinimumVersionRequired: return "Minimum Version Required";
        case CloseReason::kClusterNamesIdentical: return "Cluster Names Identical";
        case CloseReason::kLeafRemoteRemoved: return "LeafNode Remote Removed";
        case CloseReason::kKicked: return "Kicked";
    }
    return "Unknown State";
}

}  // namespace nuring::link

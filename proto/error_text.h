// SPDX-License-Identifier: Apache-2.0
// The texts of -ERR '<text>' frames. Client libraries compare them, so they are part of the wire
// protocol: never reword one. (server/client.go, server/errors.go and server/auth.go 2.0.0-RC19;
// rows marked 2.2+ are of later servers.)
#pragma once

#include <string>
#include <string_view>

namespace nuring::proto {

// These close the connection.
inline constexpr std::string_view kErrUnknownOperation = "Unknown Protocol Operation";
inline constexpr std::string_view kErrAuthorizationViolation = "Authorization Violation";
inline constexpr std::string_view kErrAuthenticationTimeout = "Authentication Timeout";
inline constexpr std::string_view kErrUserAuthenticationExpired = "User Authentication Expired";
inline constexpr std::string_view kErrUserAuthenticationRevoked =  // 2.2+
    "User Authentication Revoked";
inline constexpr std::string_view kErrAccountAuthenticationExpired =
    "Account Authentication Expired";
inline constexpr std::string_view kErrControlLineExceeded =  // 2.2+: no capitals
    "maximum control line exceeded";
inline constexpr std::string_view kErrPayloadViolation = "Maximum Payload Violation";
inline constexpr std::string_view kErrConnectionsExceeded = "maximum connections exceeded";
inline constexpr std::string_view kErrAccountConnectionsExceeded =
    "maximum account active connections exceeded";
inline constexpr std::string_view kErrClientProtocol = "invalid client protocol";
inline constexpr std::string_view kErrStaleConnection = "Stale Connection";
inline constexpr std::string_view kErrConnectionThrottling =  // 2.7.0
    "Connection throttling is active. Please try again later.";
inline constexpr std::string_view kErrRoutePort = "attempted to connect to route port";
inline constexpr std::string_view kErrLeafnodePort = "attempted to connect to leaf node port";
inline constexpr std::string_view kErrGatewayPort = "attempted to connect to gateway port";
inline constexpr std::string_view kErrNoRespondersNeedsHeaders =  // 2.2+
    "no responders requires headers support";

// These leave it open. (Subscriptions also closes, when an account's limit shrinks below its use.)
inline constexpr std::string_view kErrSubscriptionsExceeded = "maximum subscriptions exceeded";
inline constexpr std::string_view kErrInvalidSubject = "Invalid Subject";
inline constexpr std::string_view kErrInvalidPublishSubject = "Invalid Publish Subject";
inline constexpr std::string_view kErrInvalidSubscription = "Invalid Subscription";  // of a route

// Beginnings of texts that go on with a quoted subject.
inline constexpr std::string_view kErrPublishViolation = "Permissions Violation for Publish to ";
inline constexpr std::string_view kErrReplyViolation =
    "Permissions Violation for Publish with Reply of ";
inline constexpr std::string_view kErrSubscriptionViolation =
    "Permissions Violation for Subscription to ";

// The whole texts, with what the client sent quoted as Go's %q.
std::string publish_violation(std::string_view subject);
std::string reply_violation(std::string_view reply);
std::string subscription_violation(std::string_view subject);

// ... to "<subject>" using queue "<queue>" (since 2.1.2)
struct QueueSubscription {
    std::string_view subject;
    std::string_view queue;
};
std::string queue_violation(const QueueSubscription& refused);

// ... to "<subject>", too many tokens (since 2.6.4)
std::string tokens_violation(std::string_view subject);

// ... to "<subject>" (sid "<sid>"): a reload took the permission away.
struct RemovedSubscription {
    std::string_view subject;
    std::string_view sid;
};
std::string removed_violation(const RemovedSubscription& removed);

// These close a route. Names come quoted.
// Rejecting connection from gateway "<name>" on the Route port
std::string gateway_on_route_port(std::string_view gateway);

// Rejecting connection, cluster name "<remote>" does not match "<own>" (since 2.2)
struct ClusterNames {
    std::string_view remote;
    std::string_view own;
};
std::string cluster_name_conflict(const ClusterNames& names);

}  // namespace nuring::proto

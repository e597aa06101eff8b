// SPDX-License-Identifier: Apache-2.0
#include "proto/error_text.h"

#include <fmt/format.h>

#include "proto/quote.h"

namespace nuring::proto {

std::string publish_violation(std::string_view subject) {
    return fmt::format("{}{}", kErrPublishViolation, quote(subject));
}

std::string reply_violation(std::string_view reply) {
    return fmt::format("{}{}", kErrReplyViolation, quote(reply));
}

std::string subscription_violation(std::string_view subject) {
    return fmt::format("{}{}", kErrSubscriptionViolation, quote(subject));
}

std::string queue_violation(const QueueSubscription& refused) {
    return fmt::format("{} using queue {}", subscription_violation(refused.subject),
                       quote(refused.queue));
}

std::string tokens_violation(std::string_view subject) {
    return subscription_violation(subject) + ", too many tokens";
}

std::string removed_violation(const RemovedSubscription& removed) {
    return fmt::format("{} (sid {})", subscription_violation(removed.subject), quote(removed.sid));
}

std::string gateway_on_route_port(std::string_view gateway) {
    return fmt::format("Rejecting connection from gateway {} on the Route port", quote(gateway));
}

std::string cluster_name_conflict(const ClusterNames& names) {
    return fmt::format("Rejecting connection, cluster name {} does not match {}", quote(names.remote),
                       quote(names.own));
}

}  // namespace nuring::proto

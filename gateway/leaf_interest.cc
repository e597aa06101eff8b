// SPDX-License-Identifier: Apache-2.0
#include "gateway/leaf_interest.h"

#include "core/interest/subscriber_set.h"
#include "proto/kind_facts.h"
#include "proto/subject.h"

namespace nuring::gateway {

bool is_exempt(std::string_view subject) {
    return is_loop_subject(subject) || subject.starts_with(proto::kGatewayRoutedReplyPrefix) ||
           subject.starts_with(proto::kGatewayReplyPrefix);
}

bool is_announced_over(const LeafRole& role, const interest::Subscription& subscription) {
    const bool is_of_leafnodes =
        proto::facts_of(subscription.kind()).is_leafnode || !subscription.origin().empty();
    return !(role.is_isolated && is_of_leafnodes) && subscription.is_announced_to(role.kind);
}

LeafInterestSummary summarize(const LeafRole& role,
                              std::span<interest::Subscription* const> subscriptions) {
    LeafInterestSummary summary;
    if (!subscriptions.empty() && subscriptions.front()->is_queue()) {
        summary.members = interest::count_everywhere(subscriptions);
        subscriptions = subscriptions.subspan(summary.members);
    }
    for (const interest::Subscription* each : subscriptions) {
        if (!is_announced_over(role, *each)) continue;
        const LeafSource source = LeafSource::of(*each);
        if (!each->is_queue()) {
            summary.sole = summary.sole.with(source);
            if (summary.sole == LeafSource::everybody()) break;
            continue;
        }
        summary.members += each->weight();
        if (each->is_of_server()) summary.members_of[source.bits()] += each->weight();
    }
    return summary;
}

}  // namespace nuring::gateway

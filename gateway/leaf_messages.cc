// SPDX-License-Identifier: Apache-2.0
// LeafLink: interest and messages.
#include <cassert>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/interest/sublist.h"
#include "fmt/format.h"
#include "gateway/leaf_link.h"
#include "gateway/leaf_links.h"
#include "proto/error_text.h"
#include "proto/gateway_reply.h"
#include "proto/quote.h"
#include "proto/subject.h"

namespace nuring::gateway {
namespace {

// Of the dialing side. Source: server/leafnode.go 2.15.
constexpr uint64_t kAfterViolation_ns = 30'000'000'000;

}  // namespace

// ------------------------------------------------------------------ what this server wants

bool LeafLink::note_group(uint64_t key, size_t members) {
    if (members == 0) return told_groups_.erase(key) != 0;
    const auto [known, is_new] = told_groups_.try_emplace(key, members);
    return is_new || std::exchange(known->second, members) != members;
}

size_t LeafLink::announce_slice(account::Account& /*account*/, uint32_t slice) {
    return audience_->announce_slice(*this, slice);
}

// -------------------------------------------------------------- what the other server wants

void LeafLink::on_subscribe(const proto::RouteOperation& operation) {
    if (!serving()) return;
    if (operation.subject == loop_subject_) return on_loop();
    if (!is_exempt(operation.subject) && is_hub_side() && !permissions_.admits(operation.subject)) {
        const std::string subject = proto::quote(operation.subject);
        delay_reconnect(kAfterViolation_ns);
        host_.log.error("{} - Subscription Violation on {} - Check other side configuration",
                        label(), subject);
        send_error(fmt::format("{}{}", proto::kErrSubscriptionViolation, subject));
        return close(link::CloseReason::kProtocolViolation);
    }
    const int64_t most = all_.clients(host_.id).limits().max_subscriptions;
    if (most > 0 && remote_interest_.count() >= static_cast<size_t>(most) &&
        !remote_interest_.contains(*account_, operation.subject, operation.queue, cluster_)) {
        return send_error(proto::kErrSubscriptionsExceeded);
    }
    const auto added = remote_interest_.add(*account_, operation.subject, operation.queue,
                                            operation.weight, cluster_);
    if (added == server_link::RemoteInterest::Added::kNew &&
        !account_->exchange().streams.empty()) {
        update_shadows(
            *remote_interest_.find(*account_, operation.subject, operation.queue, cluster_));
    }
    if (added != server_link::RemoteInterest::Added::kInvalid) return;
    host_.log.error("{} - Could not insert subscription: {}", label(), operation.args);
    send_error(proto::kErrInvalidSubscription);
}

void LeafLink::on_unsubscribe(const proto::RouteOperation& operation) {
    if (serving() && shadows_ != nullptr) {
        const interest::Subscription* known =
            remote_interest_.find(*account_, operation.subject, operation.queue, cluster_);
        if (known != nullptr) {
            shadows_->remove(*known);
            forget_wildcard(*known);
        }
    }
    ServerLink::on_unsubscribe(operation);
}

void LeafLink::update_shadows(interest::Subscription& subscription) {
    if (shadows_ == nullptr) shadows_ = std::make_unique<delivery::Shadows>(delivery_);
    shadows_->update(subscription, account_->exchange());
    if (subscription.is_queue() || proto::is_literal(subscription.subject())) return;
    forget_wildcard(subscription);
    if (shadows_->contains(subscription)) imported_wildcards_.push_back(&subscription);
}

void LeafLink::forget_wildcard(const interest::Subscription& subscription) {
    constexpr size_t kLookedAtPerComparison = 64;
    delivery_.interest_gate.charge_comparisons(imported_wildcards_.size() / kLookedAtPerComparison);
    std::erase(imported_wildcards_, &subscription);
}

// A message goes over the link once: the first wildcard that matches has it, else the literal one.
bool LeafLink::is_delivered_by_other(const interest::Subscription& subscription,
                                     std::string_view subject) const {
    for (const interest::Subscription* each : imported_wildcards_) {
        if (each == &subscription) return false;
        if (proto::matches_literal(subject, each->subject())) return true;
    }
    return false;
}

uint32_t LeafLink::deliver(interest::Subscription& subscription, const delivery::MessageRun& run,
                           base::LinkHandle origin) {
    if (!accepts(subscription, origin) || !may_leave(*account_, run.subject)) return 0;
    if (!subscription.is_queue() && is_delivered_by_other(subscription, run.subject)) return 0;
    note_request(run);
    send_message(
        {.account = *account_, .run = run, .subject = run.subject, .queues = subscription.queue()});
    return run.count;
}

bool LeafLink::accepts(const interest::Subscription& subscription, base::LinkHandle origin) const {
    return open() && serving() && !subscription.closed() && origin != handle();
}

// ------------------------------------------------------------------------------- messages

bool LeafLink::may_leave(account::Account& /*account*/, std::string_view subject) {
    return permissions_.may_send(proto::without_gateway_prefix(subject));
}

void LeafLink::deliver_to_server(account::Account& account, const delivery::MessageRun& run,
                                 std::string_view queues) {
    const bool counts_answers = permissions_.responses().has_value() && !run.reply.empty();
    if (counts_answers && may_leave(account, run.subject)) [[unlikely]]
        note_request(run);
    ServerLink::deliver_to_server(account, run, queues);
}

// allow_responses of the user that the leafnode logged in as.
void LeafLink::note_request(const delivery::MessageRun& run) {
    if (!permissions_.responses().has_value() || run.reply.empty()) [[likely]]
        return;
    if (permissions_.may_take(run.reply)) return;
    if (responses_ == nullptr)
        responses_ = std::make_unique<auth::ResponseTable>(*permissions_.responses());
    responses_->note(run.reply, host_.ring.now_ns());
}

void LeafLink::on_accepted(std::string_view subject) {
    if (responses_ == nullptr) [[likely]]
        return;
    const std::string_view asked = proto::without_gateway_prefix(subject);
    if (!permissions_.may_take(asked)) responses_->use(asked);
}

// No cluster gets its own messages back.
void LeafLink::deliver_of_leafnodes(account::Account& account, const delivery::MessageRun& run,
                                    std::string_view queues, uint32_t origin_cluster) {
    if (origin_cluster != origin_cluster_) deliver_to_server(account, run, queues);
}

// Imports and mappings of the account may have come, or gone.
void LeafLink::on_account_changed() {
    if (!open() || !serving()) return;
    audience_->on_account_changed(*this);
    if (account_->exchange().streams.empty() && shadows_ == nullptr) return;
    sweep_interest();
}

bool LeafLink::keeps_interest(account::Account& /*account*/, interest::Subscription& subscription) {
    update_shadows(subscription);
    return true;
}

bool LeafLink::admit_answer(const proto::RouteOperation& operation, Inbound* message) {
    return admit_message(operation, message);
}

// Source: server/parser.go 2.9.10: messages of clients and leafnodes, before anything is matched.
const account::SubjectMap* LeafLink::mappings_of(const account::Account& account) const {
    const account::SubjectMap& mappings = account.exchange().mappings;
    return mappings.empty() ? nullptr : &mappings;
}

bool LeafLink::admit_message(const proto::RouteOperation& operation, Inbound* message) {
    message->publisher.origin_cluster = origin_cluster_;
    const int64_t most = all_.clients(host_.id).limits().parse.payload_max;
    if (most >= 0 && int64_t{operation.total_size} > most) {
        host_.log.error("{} - maximum payload exceeded: {} vs {}", label(), operation.total_size,
                        most);
        send_error(proto::kErrPayloadViolation);
        close(link::CloseReason::kMaxPayloadExceeded);
        return false;
    }
    const std::string_view asked = proto::without_gateway_prefix(message->run.subject);
    if (permissions_.may_take(asked)) [[likely]]
        return true;
    if (responses_ != nullptr && responses_->admits(asked, host_.ring.now_ns())) {
        message->run.count = 1;  // each is counted
        return true;
    }
    if (!is_hub_side()) return false;
    const std::string subject = proto::quote(asked);
    delay_reconnect(kAfterViolation_ns);
    host_.log.error("{} - Publish Violation on {} - Check other side configuration", label(),
                    subject);
    send_error(fmt::format("{}{}", proto::kErrPublishViolation, subject));
    close(link::CloseReason::kProtocolViolation);
    return false;
}

}  // namespace nuring::gateway

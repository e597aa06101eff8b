// SPDX-License-Identifier: Apache-2.0
// LeafLink: interest and messages.
#include <algorithm>
#include <cassert>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/delivery/records.h"
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
    if (members == 0) return sent_groups_.erase(key) != 0;
    const auto [known, is_new] = sent_groups_.try_emplace(key, members);
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
    if (added != server_link::RemoteInterest::Added::kInvalid) {
        const bool may_differ =
            added == server_link::RemoteInterest::Added::kNew || !operation.queue.empty();
        if (!may_differ || account_->exchange().streams.empty()) return;
        return update_shadows(
            *remote_interest_.find(*account_, operation.subject, operation.queue, cluster_));
    }
    host_.log.error("{} - Could not insert subscription: {}", label(), operation.args);
    send_error(proto::kErrInvalidSubscription);
}

void LeafLink::on_unsubscribe(const proto::RouteOperation& operation) {
    if (serving() && shadows_ != nullptr) {
        const interest::Subscription* known =
            remote_interest_.find(*account_, operation.subject, operation.queue, cluster_);
        if (known != nullptr) shadows_->remove(*known);
    }
    ServerLink::on_unsubscribe(operation);
}

void LeafLink::update_shadows(interest::Subscription& subscription) {
    if (shadows_ == nullptr) shadows_ = std::make_unique<delivery::Shadows>(delivery_);
    shadows_->update(subscription, account_->exchange());
}

// ------------------------------------------------------------------------------- messages

bool LeafLink::may_leave(account::Account& account, std::string_view subject) {
    if (&account == account_) [[likely]]
        return permissions_.may_send(proto::without_gateway_prefix(subject));
    delivery::FramePool::Loan local(delivery_.frames);
    const auto& streams = account_->exchange().streams;
    return std::any_of(streams.begin(), streams.end(), [&](const auto& import) {
        return &import->exporter() == &account && import->to_local(subject, &local.text()) &&
               permissions_.may_send(local.text());
    });
}

bool LeafLink::may_serve(account::Account& account, std::string_view subject,
                         std::string_view queue) {
    if (!permissions_.denies_groups()) [[likely]]
        return true;
    if (&account == account_) return permissions_.may_serve(proto::without_gateway_prefix(subject), queue);
    delivery::FramePool::Loan local(delivery_.frames);
    const auto& streams = account_->exchange().streams;
    return std::any_of(streams.begin(), streams.end(), [&](const auto& import) {
        return &import->exporter() == &account && import->to_local(subject, &local.text()) &&
               permissions_.may_serve(local.text(), queue);
    });
}

// Messages of an account that the link's account imports streams from, under the subjects that they have
// here. Requests that came into that account over a service import go no further (delivery/shadow.h).
void LeafLink::deliver_imported(const account::Account& exporter, const delivery::MessageRun& run,
                                std::string_view queues) {
    if (run.is_service) return;
    delivery::FramePool::Loan local(delivery_.frames);
    delivery::FramePool::Loan names(delivery_.frames);
    delivery::FramePool::Loan others(delivery_.frames);
    others.text().assign(queues);
    note_request(run);
    for (const auto& import : account_->exchange().streams) {
        if (!open()) return;
        if (&import->exporter() != &exporter || !import->to_local(run.subject, &local.text()) ||
            local.text().size() > delivery::kNamesSizeMax || !permissions_.may_send(local.text())) {
            continue;
        }
        const auto& wanted = delivery_.cache.find(account_->sublist(), local.text()).result();
        const auto servers = wanted.servers();
        const bool has_plain = std::find(servers.begin(), servers.end(), handle()) != servers.end();
        take_names(wanted, &others.text(), &names.text());
        if (!has_plain && names.text().empty()) continue;
        send_message({.account = *account_,
                      .run = run,
                      .subject = local.text(),
                      .queues = names.text()});
    }
}

// Of the groups named in `others`, those that the leafnode has members of go to `names`.
void LeafLink::take_names(const interest::MatchResult& wanted, std::string* others,
                          std::string* names) const {
    names->clear();
    if (others->empty()) return;
    std::string left;
    for (std::string_view rest = *others; !rest.empty();) {
        const std::string_view name = rest.substr(0, rest.find(' '));
        rest.remove_prefix(std::min(name.size() + 1, rest.size()));
        std::string* to = has_member(wanted, name) ? names : &left;
        if (!to->empty()) to->push_back(' ');
        to->append(name);
    }
    others->swap(left);
}

bool LeafLink::has_member(const interest::MatchResult& wanted, std::string_view queue) const {
    const auto group = wanted.find_queue_group(queue, account_->sublist().hash(queue));
    return group.has_value() &&
           std::any_of(group->members.begin(), group->members.end(),
                       [this](const auto& member) { return member.link == handle(); });
}

void LeafLink::deliver_to_server(account::Account& account, const delivery::MessageRun& run,
                                 std::string_view queues) {
    if (!open() || !serving()) return;
    if (is_beyond_hub(run)) [[unlikely]]
        return;
    if (must_rename(run)) [[unlikely]]
        return deliver_renamed(account, run, queues);
    deliver_as_named(account, run, queues);
}

// A service import adds a header, so that a message may grow beyond what a client may send. The hub would
// close the link for it, and one account would cut off another. A hub's limit may have been raised since its
// INFO.
bool LeafLink::is_beyond_hub(const delivery::MessageRun& run) {
    const int64_t own = all_.clients(host_.id).limits().parse.payload_max;
    const int64_t most = std::max(own, hub_info_.max_payload);
    if (own < 0 || int64_t{run.total_size} <= most || !is_solicited()) [[likely]]
        return false;
    if (!std::exchange(warned_of_size_, true)) {
        host_.log.warn("{} - Messages of more than {} bytes are not sent to this hub, the first one to {}",
                       label(), most, proto::quote(run.subject));
    }
    return true;
}

void LeafLink::deliver_as_named(account::Account& account, const delivery::MessageRun& run,
                                std::string_view queues) {
    if (&account != account_) [[unlikely]]
        return deliver_imported(account, run, queues);
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
    if (!permissions_.may_take(asked)) responses_->use(asked, host_.ring.now_ns());
}

// No cluster gets its own messages back.
void LeafLink::deliver_of_leafnodes(account::Account& account, const delivery::MessageRun& run,
                                    std::string_view queues, uint32_t origin_cluster) {
    if (origin_cluster != origin_cluster_ || &account != account_) {
        deliver_to_server(account, run, queues);
    }
}

// Imports and mappings of the account may have come, or gone.
void LeafLink::on_account_changed() {
    if (!open() || !serving()) return;
    if (all_.is_excess(*this)) return refuse_excess();
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

bool LeafLink::admits_payload(uint64_t bytes) {
    const int64_t most = all_.clients(host_.id).limits().parse.payload_max;
    if (most < 0 || bytes <= static_cast<uint64_t>(most)) return true;
    host_.log.error("{} - maximum payload exceeded: {} vs {}", label(), bytes, most);
    send_error(proto::kErrPayloadViolation);
    close(link::CloseReason::kMaxPayloadExceeded);
    return false;
}

bool LeafLink::admit_message(const proto::RouteOperation& operation, Inbound* message) {
    message->publisher.origin_cluster = origin_cluster_;
    if (!admits_payload(operation.total_size)) return false;
    const std::string_view asked = proto::without_gateway_prefix(message->run.subject);
    if (permissions_.may_take(asked)) [[likely]] {
        bind_requestor(&message->run);
        return true;
    }
    if (responses_ != nullptr && responses_->admits(asked, host_.ring.now_ns())) {
        message->run.count = 1;  // each is counted
        bind_requestor(&message->run);
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

// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/oracle.h"

#include <algorithm>
#include <set>

#include "fmt/format.h"
#include "tests/sim/payload.h"

namespace nuring::sim {

uint32_t Oracle::add_client(const ClientRecord& client) {
    clients_.push_back(client);
    return static_cast<uint32_t>(clients_.size() - 1);
}

size_t Oracle::add_subscription(const SubscriptionRecord& subscription) {
    subscriptions_.push_back(subscription);
    return subscriptions_.size() - 1;
}

std::string Oracle::add_publish(uint32_t client, PublishRecord publish) {
    const auto number = static_cast<uint32_t>(clients_[client].publishes.size());
    std::string payload = make_payload(client, number, publish.payload_size);
    clients_[client].publishes.push_back(std::move(publish));
    return payload;
}

std::string Oracle::describe(const SubscriptionRecord& subscription) const {
    return fmt::format("client {} sid {} \"{}\" queue \"{}\"", subscription.client,
                       subscription.sid, subscription.pattern, subscription.queue);
}

std::string Oracle::check_payload(const ReceivedMessage& message, uint32_t* publisher,
                                  uint32_t* number) const {
    const std::string_view payload = message.payload;
    if (!parse_payload(payload, publisher, number) || *publisher >= clients_.size() ||
        *number >= clients_[*publisher].publishes.size()) {
        return fmt::format("a payload that nobody sent: \"{}\"", payload.substr(0, 80));
    }
    return payload_error(payload, *publisher, *number,
                         clients_[*publisher].publishes[*number].payload_size);
}

std::string Oracle::check_reply(const SubscriptionRecord& subscription, uint32_t publisher,
                                const PublishRecord& publish, std::string_view reply) {
    const SimUser& from = *clients_[publisher].user;
    const bool by_service = clients_[subscription.client].user->account != from.account &&
                            is_service_request(from, publish.subject);
    if (!by_service || publish.reply.empty()) {
        if (reply == publish.reply) return {};
        return fmt::format("reply \"{}\" instead of \"{}\"", reply, publish.reply);
    }
    if (!reply.starts_with(kServiceReplyPrefix)) {
        return fmt::format("reply \"{}\" of another account", reply);
    }
    const auto [at, added] = service_replies_.try_emplace(std::string(reply), publish.reply);
    if (!added && at->second != publish.reply) {
        return fmt::format("reply \"{}\" stands for \"{}\", too", reply, at->second);
    }
    return {};
}

std::string Oracle::subject_for(const SubscriptionRecord& subscription, uint32_t publisher,
                                const PublishRecord& publish) const {
    if (publisher == subscription.client && !clients_[publisher].echo) return {};
    const SimUser& from = *clients_[publisher].user;
    const SimUser& to = *clients_[subscription.client].user;
    std::string subject = subject_between(from, to, publish.subject);
    const auto reply = service_replies_.find(publish.subject);
    if (reply != service_replies_.end() && from.account == kAway && to.account == kHome) {
        subject = reply->second;
    }
    return subject_matches(subscription.pattern, subject) ? subject : std::string();
}

bool Oracle::may_receive(const SubscriptionRecord& subscription, uint32_t publisher,
                         const PublishRecord& publish) const {
    const std::string subject = subject_for(subscription, publisher, publish);
    return !subject.empty() && may_subscribe(*clients_[subscription.client].user, subject);
}

bool Oracle::must_receive(const SubscriptionRecord& subscription, uint32_t publisher,
                          const PublishRecord& publish) const {
    return !publish.subject.starts_with(kServiceReplyPrefix) &&
           may_receive(subscription, publisher, publish);
}

std::string Oracle::group_of(const SubscriptionRecord& subscription,
                             const PublishRecord& publish) const {
    const bool by_service = publish.subject.starts_with(kServicePrefix) ||
                            publish.subject.starts_with(kServiceReplyPrefix);
    if (!by_service) return subscription.queue;
    return fmt::format("{} of {}", subscription.queue, clients_[subscription.client].user->account);
}

std::string Oracle::note_message(size_t index, const ReceivedMessage& message) {
    SubscriptionRecord& subscription = subscriptions_[index];
    uint32_t publisher = 0;
    uint32_t number = 0;
    if (std::string error = check_payload(message, &publisher, &number); !error.empty()) {
        return fmt::format("{}: {}", describe(subscription), error);
    }
    ClientRecord& from = clients_[publisher];
    PublishRecord& publish = from.publishes[number];
    const std::string what =
        fmt::format("{} got message {} of client {} (\"{}\")", describe(subscription), number,
                    publisher, publish.subject);
    if (!message.headers.empty() && !clients_[subscription.client].headers) {
        return what + ": with headers, but the client has none";
    }
    if (message.headers.empty() && publish.has_headers && clients_[subscription.client].headers) {
        return what + ": without its headers";
    }
    if (!may_receive(subscription, publisher, publish)) return what + ": which is not for it";
    const std::string subject = subject_for(subscription, publisher, publish);
    if (message.subject != subject) {
        return fmt::format("{}: subject \"{}\" instead of \"{}\"", what, message.subject, subject);
    }
    if (std::string error = check_reply(subscription, publisher, publish, message.reply);
        !error.empty()) {
        return fmt::format("{}: {}", what, error);
    }
    if (subscription.unsubscribe_acknowledged) return what + ": after an acknowledged UNSUB";
    ++subscription.received;
    if (subscription.max_acknowledged && subscription.received > subscription.limit) {
        return fmt::format("{}: number {}, beyond the limit {}", what, subscription.received,
                           subscription.limit);
    }
    if (publish.subject != subject && publish.subject.starts_with(kServiceReplyPrefix)) {
        // Answers go by the workers of their requestors: who listens to those of several sees no order.
        if (++publish.by_queue[fmt::format("sid {}", index)] > 1) return what + ": repeated";
        const auto at = service_answers_.try_emplace(publish.subject, message.payload).first;
        return at->second == message.payload ? std::string() : what + ": a second answer";
    }
    uint32_t& next = subscription.next.try_emplace(publisher, 0).first->second;
    if (!subscription.queue.empty()) {
        if (++publish.by_queue[group_of(subscription, publish)] > 1) return what + ": its group had it already";
        if (number < next) ++subscription.out_of_order;
        next = number + 1;
        return {};
    }
    if (number < next) return fmt::format("{}: repeated or late, {} is due", what, next);
    for (uint32_t skipped = next; skipped < number; ++skipped) {
        const PublishRecord& other = from.publishes[skipped];
        if (!must_receive(subscription, publisher, other)) continue;
        // While the SUB was under way one message may reach it and a later one not.
        if (other.step <= subscription.confirmed_step) continue;
        return fmt::format("{}: {} (\"{}\") was lost before it", what, skipped, other.subject);
    }
    next = number + 1;
    return {};
}

std::string Oracle::note_no_responders(size_t subscription, std::string_view reply) {
    const uint32_t client = subscriptions_[subscription].client;
    if (!subject_matches(subscriptions_[subscription].pattern, reply)) {
        return fmt::format("client {}: a 503 for \"{}\" where it does not listen", client, reply);
    }
    for (PublishRecord& publish : clients_[client].publishes) {
        if (publish.reply != reply) continue;
        if (++publish.no_responders_count > 1) {
            return fmt::format("client {}: a second 503 for \"{}\"", client, reply);
        }
        return {};
    }
    return fmt::format("client {}: a 503 for \"{}\", which it did not ask", client, reply);
}

void Oracle::acknowledge_max(size_t index) {
    SubscriptionRecord& subscription = subscriptions_[index];
    subscription.max_acknowledged = true;
    subscription.limit = std::max(subscription.max, subscription.received);
}

bool Oracle::is_steady(const SubscriptionRecord& subscription, uint64_t step) const {
    return clients_[subscription.client].alive && subscription.confirmed_step < step &&
           subscription.unsubscribed_step == SubscriptionRecord::kNever && subscription.max == 0;
}

uint32_t Oracle::certain_count(uint32_t publisher) const {
    const ClientRecord& client = clients_[publisher];
    return client.alive ? static_cast<uint32_t>(client.publishes.size()) : client.fenced_publishes;
}

std::string Oracle::check_plain_end(const SubscriptionRecord& subscription) const {
    const bool limited = subscription.max != 0 && subscription.received >= subscription.max;
    if (!clients_[subscription.client].alive || limited ||
        subscription.unsubscribed_step != SubscriptionRecord::kNever) {
        return {};
    }
    for (uint32_t publisher = 0; publisher < clients_.size(); ++publisher) {
        const auto at = subscription.next.find(publisher);
        const uint32_t first = at == subscription.next.end() ? 0 : at->second;
        for (uint32_t number = first; number < certain_count(publisher); ++number) {
            const PublishRecord& publish = clients_[publisher].publishes[number];
            if (!must_receive(subscription, publisher, publish)) continue;
            if (publish.step <= subscription.confirmed_step) continue;
            return fmt::format("{} never got message {} of client {} (\"{}\")",
                               describe(subscription), number, publisher, publish.subject);
        }
    }
    return {};
}

std::string Oracle::check_groups(uint32_t publisher) const {
    for (uint32_t number = 0; number < certain_count(publisher); ++number) {
        const PublishRecord& publish = clients_[publisher].publishes[number];
        std::set<std::string> steady;
        std::set<std::string> shaken;
        for (const SubscriptionRecord& subscription : subscriptions_) {
            if (subscription.queue.empty() || !must_receive(subscription, publisher, publish)) {
                continue;
            }
            if (is_steady(subscription, publish.step)) {
                steady.insert(group_of(subscription, publish));
            }
            if (!clients_[subscription.client].alive) {
                shaken.insert(group_of(subscription, publish));
            }
        }
        for (const std::string& queue : steady) {
            if (shaken.count(queue) != 0 || publish.by_queue.count(queue) != 0) continue;
            return fmt::format("queue group \"{}\" never got message {} of client {} (\"{}\")",
                               queue, number, publisher, publish.subject);
        }
    }
    return {};
}

std::string Oracle::check_requests(uint32_t publisher) const {
    const ClientRecord& client = clients_[publisher];
    if (!client.alive || !client.no_responders || client.inbox >= subscriptions_.size()) return {};
    const SubscriptionRecord& inbox = subscriptions_[client.inbox];
    for (const PublishRecord& publish : client.publishes) {
        // Over the service, 503 depends on who is there in the other account at that moment.
        if (publish.reply.empty() || !subject_matches(inbox.pattern, publish.reply) ||
            !is_steady(inbox, publish.step) || is_service_request(*client.user, publish.subject)) {
            continue;
        }
        bool possible = false;
        bool certain = false;
        for (const SubscriptionRecord& subscription : subscriptions_) {
            if (subject_for(subscription, publisher, publish).empty()) continue;
            possible = true;
            certain |= must_receive(subscription, publisher, publish) &&
                       is_steady(subscription, publish.step);
        }
        if (!possible && publish.no_responders_count != 1) {
            return fmt::format("client {}: no 503 for its request \"{}\" to \"{}\"", publisher,
                               publish.reply, publish.subject);
        }
        if (certain && publish.no_responders_count != 0) {
            return fmt::format("client {}: a 503 for \"{}\" to \"{}\", which has subscribers",
                               publisher, publish.reply, publish.subject);
        }
    }
    return {};
}

std::string Oracle::check_end(bool members_moved) const {
    for (const SubscriptionRecord& subscription : subscriptions_) {
        if (subscription.out_of_order != 0 && !members_moved) {
            return fmt::format("{}: {} messages out of order", describe(subscription),
                               subscription.out_of_order);
        }
        if (!subscription.queue.empty()) continue;
        if (std::string error = check_plain_end(subscription); !error.empty()) return error;
    }
    for (uint32_t publisher = 0; publisher < clients_.size(); ++publisher) {
        if (std::string error = check_groups(publisher); !error.empty()) return error;
        if (std::string error = check_requests(publisher); !error.empty()) return error;
    }
    return {};
}

uint64_t Oracle::live_subscription_count() const {
    uint64_t count = 0;
    for (const SubscriptionRecord& subscription : subscriptions_) {
        if (!clients_[subscription.client].alive ||
            subscription.unsubscribed_step != SubscriptionRecord::kNever ||
            (subscription.max != 0 && subscription.received >= subscription.max)) {
            continue;
        }
        // A second one stands for it in the exporting account.
        count += takes_stream(*clients_[subscription.client].user, subscription.pattern) ? 2 : 1;
    }
    return count;
}

}  // namespace nuring::sim

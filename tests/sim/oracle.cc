// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/oracle.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "fmt/format.h"

namespace nuring::sim {
namespace {

char fill_byte(uint32_t client, uint32_t number, size_t at) {
    return static_cast<char>('a' + (client * 7 + number * 13 + at) % 26);
}

bool parse_hex(std::string_view text, uint32_t* value) {
    const auto result = std::from_chars(text.data(), text.data() + text.size(), *value, 16);
    return result.ec == std::errc() && result.ptr == text.data() + text.size();
}

std::string_view next_token(std::string_view& text) {
    const size_t dot = text.find('.');
    const std::string_view token = text.substr(0, dot);
    text = dot == std::string_view::npos ? std::string_view() : text.substr(dot + 1);
    return token;
}

}  // namespace

bool Oracle::matches(std::string_view pattern, std::string_view subject) {
    while (!pattern.empty() && !subject.empty()) {
        const std::string_view wanted = next_token(pattern);
        if (wanted == ">") return true;
        const std::string_view token = next_token(subject);
        if (wanted != "*" && wanted != token) return false;
    }
    return pattern.empty() && subject.empty();
}

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
    std::string payload = fmt::format("{:04x}{:08x}", client, number);
    for (size_t at = payload.size(); at < publish.payload_size; ++at) {
        payload += fill_byte(client, number, at);
    }
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
    if (payload.size() < kPayloadMin || !parse_hex(payload.substr(0, 4), publisher) ||
        !parse_hex(payload.substr(4, 8), number) || *publisher >= clients_.size() ||
        *number >= clients_[*publisher].publishes.size()) {
        return fmt::format("a payload that nobody sent: \"{}\"", payload.substr(0, 80));
    }
    const PublishRecord& publish = clients_[*publisher].publishes[*number];
    if (payload.size() != publish.payload_size) {
        return fmt::format("payload of {} bytes instead of {}", payload.size(),
                           publish.payload_size);
    }
    for (size_t at = kPayloadMin; at < payload.size(); ++at) {
        if (payload[at] != fill_byte(*publisher, *number, at)) {
            return fmt::format("payload differs at byte {} of {}", at, payload.size());
        }
    }
    if (message.subject != publish.subject) {
        return fmt::format("subject \"{}\" instead of \"{}\"", message.subject, publish.subject);
    }
    if (message.reply != publish.reply) {
        return fmt::format("reply \"{}\" instead of \"{}\"", message.reply, publish.reply);
    }
    return {};
}

bool Oracle::may_receive(const SubscriptionRecord& subscription, uint32_t publisher) const {
    return publisher != subscription.client || clients_[publisher].echo;
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
    if (!matches(subscription.pattern, publish.subject)) return what + ": it does not match";
    if (!may_receive(subscription, publisher)) return what + ": its own, without echo";
    if (subscription.unsubscribe_acknowledged) return what + ": after an acknowledged UNSUB";
    ++subscription.received;
    if (subscription.max_acknowledged && subscription.received > subscription.limit) {
        return fmt::format("{}: number {}, beyond the limit {}", what, subscription.received,
                           subscription.limit);
    }
    uint32_t& next = subscription.next.try_emplace(publisher, 0).first->second;
    if (!subscription.queue.empty()) {
        if (++publish.by_queue[subscription.queue] > 1) return what + ": its group had it already";
        if (number < next) ++subscription.out_of_order;
        next = number + 1;
        return {};
    }
    if (number < next) return fmt::format("{}: repeated or late, {} is due", what, next);
    for (uint32_t skipped = next; skipped < number; ++skipped) {
        const PublishRecord& other = from.publishes[skipped];
        if (!matches(subscription.pattern, other.subject)) continue;
        // While the SUB was under way one message may reach it and a later one not.
        if (other.step <= subscription.confirmed_step) continue;
        return fmt::format("{}: {} (\"{}\") was lost before it", what, skipped, other.subject);
    }
    next = number + 1;
    return {};
}

std::string Oracle::note_no_responders(size_t subscription, std::string_view reply) {
    const uint32_t client = subscriptions_[subscription].client;
    if (!matches(subscriptions_[subscription].pattern, reply)) {
        return fmt::format("client {}: a 503 for \"{}\" where it does not listen", client, reply);
    }
    ++subscriptions_[subscription].received;
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
        if (!may_receive(subscription, publisher)) continue;
        const auto at = subscription.next.find(publisher);
        const uint32_t first = at == subscription.next.end() ? 0 : at->second;
        for (uint32_t number = first; number < certain_count(publisher); ++number) {
            const PublishRecord& publish = clients_[publisher].publishes[number];
            if (!matches(subscription.pattern, publish.subject)) continue;
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
            if (subscription.queue.empty() || !may_receive(subscription, publisher) ||
                !matches(subscription.pattern, publish.subject)) {
                continue;
            }
            if (is_steady(subscription, publish.step)) steady.insert(subscription.queue);
            if (!clients_[subscription.client].alive) shaken.insert(subscription.queue);
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
        if (publish.reply.empty() || !matches(inbox.pattern, publish.reply) ||
            !is_steady(inbox, publish.step)) {
            continue;
        }
        bool possible = false;
        bool certain = false;
        for (const SubscriptionRecord& subscription : subscriptions_) {
            if (!may_receive(subscription, publisher) ||
                !matches(subscription.pattern, publish.subject)) {
                continue;
            }
            possible = true;
            certain |= is_steady(subscription, publish.step);
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
        ++count;
    }
    return count;
}

}  // namespace nuring::sim

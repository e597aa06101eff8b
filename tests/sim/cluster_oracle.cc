// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/cluster_oracle.h"

#include <algorithm>
#include <iterator>

#include "fmt/format.h"
#include "tests/sim/cluster_draw.h"
#include "tests/sim/payload.h"
#include "tests/sim/tenants.h"

namespace nuring::sim {
namespace {

uint64_t plus(uint64_t time_ns, uint64_t duration_ns) {
    return time_ns > UINT64_MAX - duration_ns ? UINT64_MAX : time_ns + duration_ns;
}

uint64_t minus(uint64_t time_ns, uint64_t duration_ns) {
    return time_ns < duration_ns ? 0 : time_ns - duration_ns;
}

// A subject, or a pattern that no other subject matches.
bool is_denied(std::string_view pattern) {
    return std::any_of(std::begin(kDeniedSubjects), std::end(kDeniedSubjects),
                       [&](std::string_view denied) { return subject_matches(denied, pattern); });
}

}  // namespace

uint32_t ClusterOracle::add_client(Client client) {
    clients_.push_back(std::move(client));
    return static_cast<uint32_t>(clients_.size() - 1);
}

size_t ClusterOracle::add_subscription(Subscription subscription) {
    subscriptions_.push_back(std::move(subscription));
    return subscriptions_.size() - 1;
}

std::string ClusterOracle::add_publish(uint32_t client, Publish publish) {
    const auto number = static_cast<uint32_t>(clients_[client].publishes.size());
    std::string payload = make_payload(client, number, publish.payload_size);
    clients_[client].publishes.push_back(std::move(publish));
    return payload;
}

void ClusterOracle::add_disturbance(uint64_t from_ns, uint64_t to_ns, uint32_t a, uint32_t b) {
    disturbances_.push_back({.from_ns = from_ns, .to_ns = to_ns, .a = a, .b = b});
}

void ClusterOracle::add_disturbance_of_all(uint64_t from_ns, uint64_t to_ns) {
    disturbances_.push_back({.from_ns = from_ns, .to_ns = to_ns, .is_of_all = true});
}

void ClusterOracle::add_denial(uint64_t from_ns, uint64_t to_ns, uint32_t server) {
    denials_.push_back({.from_ns = from_ns, .to_ns = to_ns, .a = server, .b = server});
}

std::string ClusterOracle::note_denied(size_t index) {
    Subscription& subscription = subscriptions_[index];
    const auto ends = [&](const Disturbance& each) {
        return each.a == clients_[subscription.client].server && each.to_ns >= subscription.sent_ns;
    };
    const auto denial = std::find_if(denials_.begin(), denials_.end(), ends);
    if (denial == denials_.end() || !is_denied(subscription.pattern)) {
        return fmt::format("{} was refused without a reason", describe(subscription));
    }
    subscription.unsubscribed_ns = std::min(subscription.unsubscribed_ns, denial->from_ns);
    return {};
}

bool ClusterOracle::may_be_denied(const Subscription& subscription, const Publish& publish) const {
    if (!is_denied(publish.subject)) return false;
    const uint32_t server = clients_[subscription.client].server;
    return std::any_of(denials_.begin(), denials_.end(), [&](const Disturbance& each) {
        return each.a == server && each.from_ns <= plus(publish.handled_ns, settle_ns_) &&
               each.to_ns >= minus(publish.at_ns, settle_ns_);
    });
}

std::string ClusterOracle::describe(const Subscription& subscription) const {
    return fmt::format("client {} on server {} sid {} \"{}\" queue \"{}\"", subscription.client,
                       clients_[subscription.client].server, subscription.sid, subscription.pattern,
                       subscription.queue);
}

std::string ClusterOracle::describe(uint32_t publisher, uint32_t number) const {
    const Publish& publish = clients_[publisher].publishes[number];
    return fmt::format(
        "message {} of client {} on server {} (\"{}\", published at {} ns, handled at {} ns)",
        number, publisher, clients_[publisher].server, publish.subject, publish.at_ns,
        publish.handled_ns);
}

std::string ClusterOracle::check_payload(const ReceivedMessage& message, uint32_t* publisher,
                                         uint32_t* number) const {
    const std::string_view payload = message.payload;
    if (!parse_payload(payload, publisher, number) || *publisher >= clients_.size() ||
        *number >= clients_[*publisher].publishes.size()) {
        return fmt::format("a payload that nobody sent: \"{}\"", payload.substr(0, 80));
    }
    const Publish& publish = clients_[*publisher].publishes[*number];
    if (std::string error = payload_error(payload, *publisher, *number, publish.payload_size);
        !error.empty()) {
        return error;
    }
    if (message.subject != publish.subject) {
        return fmt::format("subject \"{}\" instead of \"{}\"", message.subject, publish.subject);
    }
    if (message.reply != publish.reply) {
        return fmt::format("reply \"{}\" instead of \"{}\"", message.reply, publish.reply);
    }
    return {};
}

bool ClusterOracle::is_for(const Subscription& subscription, uint32_t publisher,
                           const Publish& publish) const {
    const Client& from = clients_[publisher];
    if (from.account != clients_[subscription.client].account) return false;
    if (publisher == subscription.client && !from.echo) return false;
    return subject_matches(subscription.pattern, publish.subject);
}

std::string ClusterOracle::note_message(size_t index, const ReceivedMessage& message,
                                        uint64_t now_ns) {
    Subscription& subscription = subscriptions_[index];
    uint32_t publisher = 0;
    uint32_t number = 0;
    if (std::string error = check_payload(message, &publisher, &number); !error.empty()) {
        return fmt::format("{}: {}", describe(subscription), error);
    }
    Publish& publish = clients_[publisher].publishes[number];
    uint64_t& lag_ns = clients_[subscription.client].lag_ns;
    lag_ns = std::max(lag_ns, now_ns - publish.at_ns);
    const auto wrong = [&](std::string_view error) {
        return fmt::format("{} got {}: {}", describe(subscription), describe(publisher, number),
                           error);
    };
    if (!is_for(subscription, publisher, publish)) {
        // What comes back from another server, since a member of a group has gone or as an answer, has
        // forgotten that its publisher wants no echo.
        const bool is_own = publisher == subscription.client;
        const bool is_answer = !has_one_cluster() && publish.subject.starts_with("_R.");
        const bool is_part = may_be_redirected(publisher, publish);
        if (is_own && (is_answer || is_part)) return {};
        return wrong("which is not for it");
    }
    if (subscription.unsubscribe_acknowledged) return wrong("after an acknowledged UNSUB");
    ++subscription.received;
    ++received_count_;
    if (subscription.max_acknowledged && subscription.received > subscription.limit) {
        return wrong(fmt::format("it is number {}, beyond the limit {}", subscription.received,
                                 subscription.limit));
    }
    const bool is_repeated = !publish.receivers.insert(index).second;
    if (!has_one_cluster() && publish.subject.starts_with("_R.")) {
        if (!is_repeated) return {};
        if (!subscription.queue.empty() || !may_be_redirected(publisher, publish)) return wrong("repeated");
        ++redirected_count_;
        return {};
    }
    uint32_t& next = subscription.next.try_emplace(publisher, 0).first->second;
    if (subscription.queue.empty()) {
        // The copy that was redirected may also be the first to arrive; then the others seem late.
        if ((is_repeated || number < next) && may_be_redirected(publisher, publish)) {
            ++redirected_count_;
            return {};
        }
        if (number < next) return wrong(fmt::format("repeated or late, {} is due", next));
        next = number + 1;
        return {};
    }
    // A member that has gone is replaced where the message arrives, so it may pass others.
    if (++publish.by_queue[subscription.queue] > 1) return wrong("its group had it already");
    next = std::max(next, number + 1);
    return {};
}

std::string ClusterOracle::note_no_responders(uint32_t client, std::string_view reply) {
    for (Publish& publish : clients_[client].publishes) {
        if (publish.reply != reply) continue;
        ++refused_count_;
        if (++publish.no_responders_count > 1) {
            return fmt::format("client {}: a second 503 for \"{}\"", client, reply);
        }
        return {};
    }
    return fmt::format("client {}: a 503 for \"{}\", which it did not ask", client, reply);
}

void ClusterOracle::acknowledge_max(size_t index) {
    Subscription& subscription = subscriptions_[index];
    subscription.max_acknowledged = true;
    subscription.limit = std::max(subscription.max, subscription.received);
}

bool ClusterOracle::may_be_redirected(uint32_t publisher, const Publish& publish) const {
    return std::any_of(
        subscriptions_.begin(), subscriptions_.end(), [&](const Subscription& member) {
            const Client& client = clients_[member.client];
            const bool may_refuse = member.unsubscribed_ns != kNever || member.max != 0 ||
                                    client.end_ns != kNever || may_be_denied(member, publish);
            return !member.queue.empty() && may_refuse && is_for(member, publisher, publish);
        });
}

bool ClusterOracle::has_one_cluster() const {
    return std::all_of(clusters_.begin(), clusters_.end(),
                       [&](uint64_t cluster) { return cluster == clusters_.front(); });
}

bool ClusterOracle::is_answer_of_others(const Subscription& subscription,
                                        const Publish& publish) const {
    if (has_one_cluster() || !publish.subject.starts_with("_R.")) return false;
    const size_t inbox = clients_[subscription.client].inbox;
    return inbox >= subscriptions_.size() || &subscriptions_[inbox] != &subscription;
}

bool ClusterOracle::at_peace(uint32_t a, uint32_t b, uint64_t from_ns, uint64_t to_ns) const {
    return std::none_of(disturbances_.begin(), disturbances_.end(), [&](const Disturbance& each) {
        if (each.to_ns < from_ns || each.from_ns > to_ns) return false;
        if (each.is_of_all || clusters_[a] != clusters_[b]) return true;
        if (each.a == each.b) return each.a == a || each.a == b;
        return (each.a == a && each.b == b) || (each.a == b && each.b == a);
    });
}

bool ClusterOracle::must_receive(const Subscription& subscription, uint32_t publisher,
                                 const Publish& publish) const {
    if (!is_for(subscription, publisher, publish) || is_answer_of_others(subscription, publish))
        return false;
    if (publish.handled_ns == kNever || subscription.confirmed_ns == kNever ||
        subscription.max != 0) {
        return false;
    }
    if (may_be_denied(subscription, publish)) return false;
    const Client& from = clients_[publisher];
    const Client& to = clients_[subscription.client];
    const bool is_afar = from.server != to.server;
    const uint64_t window_ns = is_afar ? settle_ns_ : 0;
    if (plus(subscription.confirmed_ns, window_ns) >= publish.at_ns) return false;
    const uint64_t over_ns = plus(publish.handled_ns, window_ns);
    if (subscription.unsubscribed_ns != kNever && subscription.unsubscribed_ns <= over_ns)
        return false;
    if (to.end_ns != kNever) {
        const uint64_t read_until_ns = std::min(to.end_ns, to.stopped_reading_ns);
        // A client behind a slow network loses what was under way when it goes.
        if (read_until_ns <= plus(publish.handled_ns, settle_ns_ + to.lag_ns)) return false;
    }
    return !is_afar || at_peace(from.server, to.server, minus(publish.at_ns, settle_ns_), over_ns);
}

bool ClusterOracle::may_lose(const Subscription& subscription, uint32_t publisher,
                             const Publish& publish) const {
    const Client& from = clients_[publisher];
    const Client& to = clients_[subscription.client];
    const uint64_t begin_ns = minus(publish.at_ns, settle_ns_);
    const uint64_t over_ns = plus(publish.handled_ns, settle_ns_);
    if (subscription.sent_ns > over_ns) return false;  // not there yet
    if (may_be_denied(subscription, publish)) return true;
    const bool is_afar = from.server != to.server;
    if (is_afar && !at_peace(from.server, to.server, begin_ns, over_ns)) return true;
    const uint64_t gone_ns = std::min(subscription.unsubscribed_ns, to.end_ns);
    if (gone_ns < begin_ns) return false;
    // What a client does not read any more ends with it, however long it stays.
    const uint64_t deaf_ns = to.end_ns == kNever ? kNever : to.stopped_reading_ns;
    return std::min(gone_ns, deaf_ns) <= plus(over_ns, to.lag_ns) || subscription.max != 0;
}

std::string ClusterOracle::check_publish(uint32_t publisher, uint32_t number) {
    const Publish& publish = clients_[publisher].publishes[number];
    if (publish.handled_ns == kNever) return {};
    std::map<std::string, const Subscription*> steady;
    std::set<std::string> shaken;
    bool is_certain = false;
    bool is_possible = false;
    for (size_t index = 0; index < subscriptions_.size(); ++index) {
        const Subscription& subscription = subscriptions_[index];
        if (!is_for(subscription, publisher, publish)) {
            // A subscriber without echo is there all the same.
            const bool is_own = subscription.client == publisher;
            is_possible |= is_own && subject_matches(subscription.pattern, publish.subject);
            continue;
        }
        is_possible = true;
        const bool must = must_receive(subscription, publisher, publish);
        is_certain |= must;
        if (!subscription.queue.empty()) {
            if (must) steady.try_emplace(subscription.queue, &subscription);
            if (may_lose(subscription, publisher, publish)) shaken.insert(subscription.queue);
            continue;
        }
        if (!must) continue;
        ++demanded_count_;
        if (clients_[publisher].server != clients_[subscription.client].server)
            ++demanded_afar_count_;
        if (publish.receivers.count(index) != 0) continue;
        return fmt::format("{} (confirmed at {} ns) never got {}", describe(subscription),
                           subscription.confirmed_ns, describe(publisher, number));
    }
    for (const auto& [queue, member] : steady) {
        if (shaken.count(queue) != 0) continue;
        ++demanded_of_groups_count_;
        if (publish.by_queue.count(queue) != 0) continue;
        return fmt::format("queue group \"{}\" with {} never got {}", queue, describe(*member),
                           describe(publisher, number));
    }
    return check_request(publisher, number, is_certain, is_possible);
}

std::string ClusterOracle::check_request(uint32_t publisher, uint32_t number, bool is_certain,
                                         bool is_possible) {
    const Client& client = clients_[publisher];
    const Publish& publish = client.publishes[number];
    if (!client.no_responders || publish.reply.empty() || client.inbox >= subscriptions_.size())
        return {};
    const Subscription& inbox = subscriptions_[client.inbox];
    if (!subject_matches(inbox.pattern, publish.reply)) return {};
    if (is_certain && publish.no_responders_count != 0) {
        return fmt::format("a 503 for {}, which has subscribers", describe(publisher, number));
    }
    // Another cluster may be asked before it is known that nobody is there.
    const bool is_steady =
        has_one_cluster() && inbox.confirmed_ns < publish.at_ns && client.end_ns == kNever;
    if (!is_possible && is_steady && publish.no_responders_count != 1) {
        return fmt::format("no 503 for {}, which nobody ever took", describe(publisher, number));
    }
    return {};
}

std::string ClusterOracle::check_end() {
    for (uint32_t publisher = 0; publisher < clients_.size(); ++publisher) {
        const auto count = static_cast<uint32_t>(clients_[publisher].publishes.size());
        for (uint32_t number = 0; number < count; ++number) {
            if (std::string error = check_publish(publisher, number); !error.empty()) return error;
        }
    }
    return {};
}

bool ClusterOracle::is_live(const Subscription& subscription) const {
    return clients_[subscription.client].end_ns == kNever &&
           subscription.unsubscribed_ns == kNever &&
           (subscription.max == 0 || subscription.received < subscription.max);
}

}  // namespace nuring::sim

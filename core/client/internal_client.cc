// SPDX-License-Identifier: Apache-2.0
#include "core/client/internal_client.h"

#include <algorithm>
#include <utility>

#include "core/client/client_host.h"
#include "core/delivery/deliver.h"
#include "core/delivery/message_run.h"
#include "core/delivery/records.h"
#include "proto/gateway_reply.h"
#include "proto/subject.h"

namespace nuring::client {
namespace {

bool is_publishable(std::string_view subject, std::string_view reply) {
    return subject.size() + reply.size() <= delivery::kNamesSizeMax &&
           proto::is_valid_literal_subject(subject) &&
           subject.find_first_of(" \t\r\n") == std::string_view::npos;
}

}  // namespace

InternalClient::InternalClient(delivery::Delivery& delivery)
    : delivery_(delivery),
      host_(delivery.host),
      handle_(host_.id, base::LinkHandle::kSlotMax, base::LinkHandle::kGenerationMax) {}

InternalClient::~InternalClient() {
    for (const auto& [serial, entry] : entries_) {
        entry->account->sublist().remove(entry->subscription);
        delivery_.subscriptions.destroy(entry->subscription);
    }
}

uint64_t InternalClient::subscribe(account::Account& account, std::string_view pattern,
                                   Handler handler, std::string_view queue, Reach reach) {
    if (!proto::is_valid_subject(pattern)) return 0;
    if (pattern.size() + queue.size() > delivery::kNamesSizeMax) return 0;
    const std::string sid = std::to_string(++last_sid_);
    interest::Subscription* subscription = delivery_.subscriptions.create(
        {.link = handle_,
         .owner = static_cast<delivery::Subscriber*>(this),
         .subject = pattern,
         .queue = queue,
         .sid = sid,
         .kind = reach == Reach::kCluster ? proto::Kind::kSystem : proto::Kind::kInternal});
    if (subscription == nullptr) return 0;
    const uint64_t serial = subscription->serial();
    entries_.emplace(serial, std::make_unique<Entry>(Entry{.account = &account,
                                                           .subscription = subscription,
                                                           .handler = std::move(handler)}));
    account.sublist().insert(subscription);
    return serial;
}

void InternalClient::unsubscribe(uint64_t id) {
    const auto found = entries_.find(id);
    if (found == entries_.end()) return;
    interest::Subscription* subscription = found->second->subscription;
    delivery_.subscriptions.retire(subscription);
    found->second->account->sublist().remove(subscription);
    ended_.push_back(std::move(found->second));
    entries_.erase(found);
}

void InternalClient::publish(InternalPublish message) {
    if (is_publishable(message.subject, message.reply)) queued_.push_back(std::move(message));
}

bool InternalClient::has_interest(account::Account& account, std::string_view subject) const {
    return account.sublist().has_interest(host_.id, subject);
}

void InternalClient::flush() {
    if (!queued_.empty()) {
        std::vector<InternalPublish> messages;
        messages.swap(queued_);
        for (const InternalPublish& message : messages) deliver_now(message);
    }
    ended_.clear();
}

void InternalClient::deliver_now(const InternalPublish& message) {
    std::string frame;
    const delivery::MessageRun run = delivery::frame_message({.subject = message.subject,
                                                              .reply = message.reply,
                                                              .headers = message.headers,
                                                              .body = message.body},
                                                             &frame);
    const delivery::Publisher publisher{
        .link = handle_, .kind = proto::Kind::kSystem, .echo = false};
    // The answer to a request from another cluster (deliver() has given the handler the whole reply).
    const auto answer = proto::parse_gateway_reply(run.subject);
    if (answer.has_value() && delivery_.gateways.enabled()) {
        return delivery::deliver_run_to_server(delivery_, publisher, *message.account,
                                               delivery_.gateways.find(*answer), run);
    }
    const interest::MatchEntry& entry =
        delivery_.cache.find(message.account->sublist(), run.subject);
    const interest::MatchPin pin(entry);
    if (!entry.result().has_services()) {
        (void)delivery::deliver_run(delivery_, publisher, *message.account, entry, run);
        return;
    }
    const delivery::ServiceSource source{
        .publisher = publisher, .account = *message.account, .entry = entry};
    (void)delivery_.services.prepare(source, run, nullptr);
    (void)delivery_.services.deliver();
}

uint32_t InternalClient::deliver(interest::Subscription& subscription,
                                 const delivery::MessageRun& run, base::LinkHandle origin) {
    const auto found = entries_.find(subscription.serial());
    if (found == entries_.end()) return 0;
    Entry& entry = *found->second;
    std::string whole_reply;
    if (!run.reply_origin.empty()) whole_reply.assign(run.reply_origin.prefix()).append(run.reply);
    uint32_t count = 0;
    while (count < run.count && !subscription.closed()) {
        const delivery::MessageParts parts = delivery::parts_of(run, count);
        ++count;
        ++subscription.delivered;
        entry.handler({.account = *entry.account,
                       .subject = run.subject,
                       .reply = whole_reply.empty() ? run.reply : std::string_view(whole_reply),
                       .headers = parts.headers,
                       .body = parts.body,
                       .origin = origin});
    }
    return count;
}

bool InternalClient::accepts(const interest::Subscription& subscription,
                             base::LinkHandle /*origin*/) const {
    return !subscription.closed();
}

}  // namespace nuring::client

// SPDX-License-Identifier: Apache-2.0
#include "core/link/internal_link.h"

#include <algorithm>
#include <utility>

#include "core/link/delivery.h"
#include "core/link/message_run.h"
#include "core/link/worker_links.h"
#include "proto/subject.h"

namespace nuring::link {
namespace {

bool is_publishable(std::string_view subject) {
    return subject.size() <= kNamesSizeMax && proto::is_valid_literal_subject(subject) &&
           subject.find_first_of(" \t\r\n") == std::string_view::npos;
}

}  // namespace

InternalLink::InternalLink(WorkerLinks& links)
    : links_(links),
      handle_(links.id, base::LinkHandle::kSlotMax, base::LinkHandle::kGenerationMax) {}

InternalLink::~InternalLink() {
    for (const auto& [serial, entry] : entries_) {
        entry->account->sublist().remove(entry->subscription);
        links_.subscriptions.destroy(entry->subscription);
    }
}

uint64_t InternalLink::subscribe(account::Account& account, std::string_view pattern,
                                 Handler handler, std::string_view queue, Reach reach) {
    if (!proto::is_valid_subject(pattern)) return 0;
    const uint64_t serial = links_.take_serial();
    const std::string sid = std::to_string(serial);
    interest::Subscription* subscription =
        links_.subscriptions.create({.link = handle_,
                                     .owner = static_cast<Subscriber*>(this),
                                     .serial = serial,
                                     .subject = pattern,
                                     .queue = queue,
                                     .sid = sid,
                                     .kind = reach == Reach::kCluster ? proto::Kind::kSystem
                                                                      : proto::Kind::kInternal});
    if (subscription == nullptr) return 0;
    entries_.emplace(serial, std::make_unique<Entry>(Entry{.account = &account,
                                                           .subscription = subscription,
                                                           .handler = std::move(handler)}));
    if (subscription->is_queue()) links_.add_member(subscription);
    account.sublist().insert(subscription);
    return serial;
}

void InternalLink::unsubscribe(uint64_t id) {
    const auto found = entries_.find(id);
    if (found == entries_.end()) return;
    interest::Subscription* subscription = found->second->subscription;
    links_.retire(subscription);
    found->second->account->sublist().remove(subscription);
    ended_.push_back(std::move(found->second));
    entries_.erase(found);
}

void InternalLink::publish(InternalPublish message) {
    if (is_publishable(message.subject)) queued_.push_back(std::move(message));
}

bool InternalLink::has_interest(account::Account& account, std::string_view subject) const {
    return account.sublist().has_interest(links_.id, subject);
}

void InternalLink::flush() {
    if (!queued_.empty()) {
        std::vector<InternalPublish> messages;
        messages.swap(queued_);
        for (const InternalPublish& message : messages) deliver_now(message);
    }
    ended_.clear();
}

void InternalLink::deliver_now(const InternalPublish& message) {
    std::string frame;
    const MessageRun run = frame_message({.subject = message.subject,
                                          .reply = message.reply,
                                          .headers = message.headers,
                                          .body = message.body},
                                         &frame);
    const interest::MatchEntry& entry = links_.cache.find(message.account->sublist(), run.subject);
    const interest::MatchPin pin(entry);
    const Publisher publisher{.link = handle_, .kind = proto::Kind::kSystem, .echo = false};
    if (!entry.result().has_services()) {
        (void)deliver_run(links_, publisher, *message.account, entry.result(), run);
        return;
    }
    const ServiceSource source{.publisher = publisher, .account = *message.account, .entry = entry};
    (void)links_.services.prepare(source, run, nullptr);
    (void)links_.services.deliver();
}

uint32_t InternalLink::deliver(interest::Subscription& subscription, const MessageRun& run) {
    const auto found = entries_.find(subscription.serial());
    if (found == entries_.end()) return 0;
    Entry& entry = *found->second;
    uint32_t count = 0;
    while (count < run.count && !subscription.closed()) {
        const std::string_view payload(run.payload() + count * run.stride, run.total_size);
        ++count;
        ++subscription.delivered;
        entry.handler({.account = *entry.account,
                       .subject = run.subject,
                       .reply = run.reply,
                       .headers = payload.substr(0, run.header_size),
                       .body = payload.substr(run.header_size),
                       .origin = links_.origin});
    }
    return count;
}

bool InternalLink::accepts(const interest::Subscription& subscription,
                           base::LinkHandle /*origin*/) const {
    return !subscription.closed();
}

}  // namespace nuring::link

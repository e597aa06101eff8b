// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/shadow.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/delivery/delivery.h"
#include "core/delivery/message_run.h"
#include "core/delivery/records.h"
#include "proto/quote.h"
#include "proto/subject.h"

namespace nuring::delivery {

Shadow::Shadow(Delivery& delivery, interest::Subscription& parent,
               std::shared_ptr<const account::StreamImport> import,
               const account::ShadowPattern& pattern)
    : parent_(parent), import_(std::move(import)), is_wider_(pattern.is_wider) {
    account::Account& exporter = import_->exporter();
    delivery.host.log.debug("Creating import subscription on {} from account {}",
                            proto::quote(pattern.pattern), proto::quote(exporter.name()));
    const bool is_of_server = parent.is_of_server();
    subscription_ = delivery.subscriptions.create(
        {.link = parent.link(),
         .owner = is_of_server ? parent.owner : static_cast<Subscriber*>(this),
         .subject = pattern.pattern,
         .queue = parent.queue(),
         .sid = is_of_server ? std::string_view() : parent.sid(),
         .weight = parent.weight(),
         .kind = is_of_server ? parent.kind() : proto::Kind::kClient});
    assert(subscription_ != nullptr);
    exporter.sublist().insert(subscription_);
}

void Shadow::follow_weight() {
    if (subscription_->weight() == parent_.weight()) return;
    import_->exporter().sublist().set_weight(subscription_, parent_.weight());
}

void Shadow::end(Delivery& delivery) {
    delivery.subscriptions.retire(subscription_);
    import_->exporter().sublist().remove(subscription_);
}

void Shadow::translate(std::string_view subject) {
    remote_subject_ = subject;
    is_passed_ = import_->to_local(subject, &local_subject_) &&
                 local_subject_.size() <= kNamesSizeMax &&
                 (!is_wider_ || proto::matches_literal(local_subject_, parent_.subject()));
}

uint32_t Shadow::deliver(interest::Subscription& subscription, const MessageRun& run,
                         base::LinkHandle origin) {
    if (subscription.closed() || run.is_service) return 0;
    if (run.subject != remote_subject_) translate(run.subject);
    if (!is_passed_) return 0;
    MessageRun local = run;
    local.subject = local_subject_;
    return client().deliver(parent_, local, origin);
}

bool Shadow::accepts(const interest::Subscription& subscription, base::LinkHandle origin) const {
    return !subscription.closed() && client().accepts(parent_, origin);
}

void Shadows::update(interest::Subscription& parent, const account::Exchange& exchange) {
    Group before;
    if (const auto found = shadows_.find(&parent); found != shadows_.end()) {
        before = std::move(found->second);
    }
    Group after;
    for (const auto& import : exchange.streams) {
        const auto wanted = import->shadow(parent.subject());
        if (!wanted.has_value()) continue;
        if (wanted->pattern.size() + parent.queue().size() > kNamesSizeMax) {
            delivery_.count_oversized(1);
            continue;
        }
        const auto same = std::find_if(before.begin(), before.end(), [&](const auto& shadow) {
            return shadow != nullptr && shadow->import() == import.get();
        });
        if (same != before.end()) {
            (*same)->follow_weight();
            after.push_back(std::move(*same));
        } else {
            after.push_back(std::make_unique<Shadow>(delivery_, parent, import, *wanted));
        }
    }
    for (std::unique_ptr<Shadow>& shadow : before) {
        if (shadow == nullptr) continue;
        shadow->end(delivery_);
        delivery_.subscriptions.retire(std::move(shadow));
    }
    if (after.empty()) {
        shadows_.erase(&parent);
    } else {
        shadows_[&parent] = std::move(after);
    }
}

void Shadows::begin_leaving(const interest::Subscription& parent) {
    const auto found = shadows_.find(&parent);
    if (found == shadows_.end()) return;
    for (const std::unique_ptr<Shadow>& shadow : found->second) shadow->begin_leaving();
}

void Shadows::remove(const interest::Subscription& parent) {
    const auto found = shadows_.find(&parent);
    if (found == shadows_.end()) return;
    for (std::unique_ptr<Shadow>& shadow : found->second) {
        shadow->end(delivery_);
        delivery_.subscriptions.retire(std::move(shadow));
    }
    shadows_.erase(found);
}

}  // namespace nuring::delivery

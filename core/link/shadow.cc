// SPDX-License-Identifier: Apache-2.0
#include "core/link/shadow.h"

#include <algorithm>
#include <utility>

#include "core/link/message_run.h"
#include "core/link/worker_links.h"
#include "proto/quote.h"
#include "proto/subject.h"

namespace nuring::link {

Shadow::Shadow(WorkerLinks& links, interest::Subscription& parent,
               std::shared_ptr<const account::StreamImport> import,
               const account::ShadowPattern& pattern)
    : parent_(parent), import_(std::move(import)), is_wider_(pattern.is_wider) {
    account::Account& exporter = import_->exporter();
    links.log.debug("Creating import subscription on {} from account {}",
                    proto::quote(pattern.pattern), proto::quote(exporter.name()));
    subscription_ = links.subscriptions.create({.link = parent.link(),
                                                .owner = static_cast<Subscriber*>(this),
                                                .serial = links.take_serial(),
                                                .subject = pattern.pattern,
                                                .queue = parent.queue(),
                                                .sid = parent.sid()});
    if (subscription_->is_queue()) links.add_member(subscription_);
    exporter.sublist().insert(subscription_);
}

void Shadow::end(WorkerLinks& links) {
    links.retire(subscription_);
    import_->exporter().sublist().remove(subscription_);
}

void Shadow::translate(std::string_view subject) {
    remote_subject_ = subject;
    is_passed_ = import_->to_local(subject, &local_subject_) &&
                 (!is_wider_ || proto::matches_literal(local_subject_, parent_.subject()));
}

uint32_t Shadow::deliver(interest::Subscription& subscription, const MessageRun& run) {
    if (subscription.closed() || run.is_service) return 0;
    if (run.subject != remote_subject_) translate(run.subject);
    if (!is_passed_) return 0;
    MessageRun local = run;
    local.subject = local_subject_;
    return client().deliver(parent_, local);
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
        const auto same = std::find_if(before.begin(), before.end(), [&](const auto& shadow) {
            return shadow != nullptr && shadow->import() == import.get();
        });
        after.push_back(same != before.end()
                            ? std::move(*same)
                            : std::make_unique<Shadow>(links_, parent, import, *wanted));
    }
    for (std::unique_ptr<Shadow>& shadow : before) {
        if (shadow == nullptr) continue;
        shadow->end(links_);
        links_.retire(std::move(shadow));
    }
    if (after.empty()) {
        shadows_.erase(&parent);
    } else {
        shadows_[&parent] = std::move(after);
    }
}

void Shadows::remove(const interest::Subscription& parent) {
    const auto found = shadows_.find(&parent);
    if (found == shadows_.end()) return;
    for (std::unique_ptr<Shadow>& shadow : found->second) {
        shadow->end(links_);
        links_.retire(std::move(shadow));
    }
    shadows_.erase(found);
}

}  // namespace nuring::link

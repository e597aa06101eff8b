// SPDX-License-Identifier: Apache-2.0
#include "core/client/move_buffer.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "core/account/account.h"
#include "core/client/client.h"
#include "core/client/client_host.h"
#include "core/client/client_records.h"
#include "core/runtime/mailbox.h"

namespace nuring::client {

MoveBuffer::MoveBuffer(ClientHost& clients, const MoveBeginRecord& record)
    : clients_(clients), account_(*record.account), handle_(clients.host.table.reserve()) {
    clients_.host.begin_move();
    switched_.add(clients_.host.id);
    interest::Sublist& sublist = account_.sublist();
    for (uint32_t i = 0; i < record.count; ++i) {
        interest::Subscription* const original = record.subscriptions[i].subscription;
        interest::Subscription* const copy =
            clients_.delivery.subscriptions.create({.link = handle_,
                                                    .owner = static_cast<delivery::Subscriber*>(this),
                                                    .subject = original->subject(),
                                                    .queue = original->queue(),
                                                    .sid = original->sid()});
        assert(copy != nullptr);
        copy->flags = record.subscriptions[i].flags;
        subscriptions_.push_back(copy);
        copy->is_queue() ? sublist.replace(original, copy) : sublist.add_copy(copy);
    }
}

MoveBuffer::~MoveBuffer() = default;

bool MoveBuffer::all_switched() const {
    return switched_.count() == clients_.delivery.outlets.worker_count();
}

bool MoveBuffer::accepts(const interest::Subscription& /*subscription*/, base::LinkHandle /*origin*/) const {
    return !is_over_limit_;
}

uint32_t MoveBuffer::deliver(interest::Subscription& subscription, const delivery::MessageRun& run,
                             base::LinkHandle origin) {
    if (!subscription.is_queue() && !switched_.contains(clients_.host.worker.matcher())) return 0;
    const size_t names_size = run.subject.size() + run.reply.size();
    const size_t size = names_size + run.block_size();
    is_over_limit_ = is_over_limit_ || kept_bytes_ + size > clients_.host.limits().max_pending_bytes;
    if (is_over_limit_) return 0;
    kept_bytes_ += size;
    Kept kept{.subscription = &subscription,
              .run = run,
              .origin = origin,
              .bytes = std::make_unique<char[]>(size + runtime::kRecordSlackBytes)};
    char* const subject = kept.bytes.get();
    char* const reply = std::copy(run.subject.begin(), run.subject.end(), subject);
    char* const block = std::copy(run.reply.begin(), run.reply.end(), reply);
    std::memcpy(block, run.tail, run.block_size());
    kept.run.subject = {subject, run.subject.size()};
    kept.run.reply = {reply, run.reply.size()};
    kept.run.tail = block;
    kept.run.block = 0;
    kept_.push_back(std::move(kept));
    return run.count;
}

void MoveBuffer::deliver_kept(Client& client) {
    clients_.host.end_move();
    for (const Kept& each : kept_) (void)client.deliver(*each.subscription, each.run, each.origin);
    clients_.delivery.stall_gate.forget_backlog();
    if (is_over_limit_ && client.open()) clients_.host.close_slow_consumer(client);
}

void MoveBuffer::drop() {
    account_.sublist().remove_batch(subscriptions_);
    for (interest::Subscription* each : subscriptions_) clients_.delivery.subscriptions.retire(each);
    clients_.host.table.remove(handle_);
    clients_.host.end_move();
}

}  // namespace nuring::client

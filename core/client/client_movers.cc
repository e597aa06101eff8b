// SPDX-License-Identifier: Apache-2.0
#include "core/client/client_movers.h"

#include <cassert>
#include <utility>

#include "core/client/client.h"
#include "core/client/client_host.h"
#include "core/client/client_records.h"
#include "core/client/move_buffer.h"
#include "core/client/moved_client.h"
#include "core/delivery/records.h"

namespace nuring::client {

ClientMovers::ClientMovers(ClientHost& clients) : clients_(clients) {}
ClientMovers::~ClientMovers() = default;

void ClientMovers::send(base::WorkerId to, std::unique_ptr<MovedClient> moved) {
    assert(moved != nullptr);
    assert(to != clients_.host.id);
    delivery::Outlets& outlets = clients_.delivery.outlets;
    const uint64_t cid = moved->connection.cid;
    ++departed_;
    for (uint32_t i = 0; i < outlets.worker_count(); ++i) {
        const auto other = static_cast<base::WorkerId>(i);
        if (other != clients_.host.id && other != to) send_barrier(other, cid, to);
    }
    auto* record =
        reinterpret_cast<MoveRecord*>(outlets.begin_record(to, sizeof(MoveRecord), delivery::kMove));
    record->moved = moved.release();
    outlets.commit_record(to, &record->header);
}

void ClientMovers::on_arrived(const MoveRecord& record) {
    assert(record.moved != nullptr);
    std::unique_ptr<MovedClient> moved(record.moved);
    const uint64_t cid = moved->connection.cid;
    Arrival& arrival = arrivals_[cid];
    assert(!arrival.link.valid());
    if (arrival.buffer == nullptr || arrival.buffer->all_switched()) return adopt(cid, std::move(moved));
    arrival.moved = std::move(moved);
}

void ClientMovers::adopt(uint64_t cid, std::unique_ptr<MovedClient> moved) {
    ++arrived_;
    const std::unique_ptr<MoveBuffer> buffer = std::move(arrivals_[cid].buffer);
    if (buffer != nullptr) moved->connection.handle = buffer->handle();
    // The constructor takes over what is owned; arrive() reads the plain fields, which are left as they were.
    auto* client = new Client(clients_, std::move(*moved));  // LinkHost deletes it once it is retired
    arrivals_[cid].link = client->handle();
    client->arrive(*moved, buffer.get());
    resume_if_complete(cid);
}

void ClientMovers::on_barrier(const MoveBarrierRecord& record) {
    if (record.to == clients_.host.id) {
        ++arrivals_[record.cid].barriers;
        return resume_if_complete(record.cid);
    }
    send_barrier(record.to, record.cid, record.to);
}

void ClientMovers::send_barrier(base::WorkerId next, uint64_t cid, base::WorkerId to) {
    delivery::Outlets& outlets = clients_.delivery.outlets;
    auto* barrier = reinterpret_cast<MoveBarrierRecord*>(
        outlets.begin_record(next, sizeof(MoveBarrierRecord), delivery::kMoveBarrier));
    barrier->cid = cid;
    barrier->to = to;
    outlets.commit_record(next, &barrier->header);
}

void ClientMovers::begin(base::WorkerId to, const Client& client,
                         std::span<interest::Subscription* const> subscriptions) {
    assert(to != clients_.host.id);
    assert(!subscriptions.empty());
    delivery::Outlets& outlets = clients_.delivery.outlets;
    auto* record = reinterpret_cast<MoveBeginRecord*>(
        outlets.begin_record(to, sizeof(MoveBeginRecord), delivery::kMoveBegin));
    record->cid = client.cid();
    record->link = client.handle();
    record->account = &client.account();
    record->count = 0;
    for (interest::Subscription* each : subscriptions)
        record->subscriptions[record->count++] = {.subscription = each, .flags = each->flags};
    outlets.commit_record(to, &record->header);
}

void ClientMovers::cancel(base::WorkerId to, uint64_t cid) {
    delivery::Outlets& outlets = clients_.delivery.outlets;
    auto* record = reinterpret_cast<MoveCancelRecord*>(
        outlets.begin_record(to, sizeof(MoveCancelRecord), delivery::kMoveCancel));
    record->cid = cid;
    outlets.commit_record(to, &record->header);
}

// The copies stand in the sublist before any worker is asked to deliver to them.
void ClientMovers::on_begin(const MoveBeginRecord& record) {
    Arrival& arrival = arrivals_[record.cid];
    assert(arrival.buffer == nullptr);
    arrival.buffer = std::make_unique<MoveBuffer>(clients_, record);
    for (uint32_t i = 0; i < clients_.delivery.outlets.worker_count(); ++i) {
        const auto other = static_cast<base::WorkerId>(i);
        if (other != clients_.host.id) send_switch(other, record.cid, record.link, delivery::kMoveSwitch);
    }
}

// All that this worker has matched before is in its mailboxes by now; later matches have the copies.
void ClientMovers::on_switch(base::WorkerId from, const MoveSwitchRecord& record) {
    send_switch(from, record.cid, record.link, delivery::kMoveMarker);
    const base::WorkerId old_worker = record.link.worker();
    if (old_worker != clients_.host.id)
        return send_switch(old_worker, record.cid, record.link, delivery::kMoveMarker);
    Client* const client = as_client(clients_.host.table.find(record.link));
    assert(client != nullptr);
    client->note_switched(clients_.host.id);
    client->note_switched(from);
}

void ClientMovers::on_marker(base::WorkerId from, const MoveSwitchRecord& record) {
    if (record.link.worker() != clients_.host.id) return note_switched(record.cid, from);
    Client* const client = as_client(clients_.host.table.find(record.link));
    assert(client != nullptr);
    client->note_switched(from);
}

void ClientMovers::note_switched(uint64_t cid, base::WorkerId worker) {
    const auto found = arrivals_.find(cid);
    if (found == arrivals_.end()) return;  // cancelled
    Arrival& arrival = found->second;
    assert(arrival.buffer != nullptr);
    arrival.buffer->note_switched(worker);
    if (arrival.moved != nullptr && arrival.buffer->all_switched()) adopt(cid, std::move(arrival.moved));
}

void ClientMovers::on_cancel(const MoveCancelRecord& record) {
    const auto found = arrivals_.find(record.cid);
    assert(found != arrivals_.end());
    assert(found->second.buffer != nullptr);
    found->second.buffer->drop();
    arrivals_.erase(found);
}

void ClientMovers::send_switch(base::WorkerId next, uint64_t cid, base::LinkHandle link, uint32_t kind) {
    delivery::Outlets& outlets = clients_.delivery.outlets;
    auto* record =
        reinterpret_cast<MoveSwitchRecord*>(outlets.begin_record(next, sizeof(MoveSwitchRecord), kind));
    record->cid = cid;
    record->link = link;
    outlets.commit_record(next, &record->header);
}

void ClientMovers::resume_if_complete(uint64_t cid) {
    const auto found = arrivals_.find(cid);
    assert(found != arrivals_.end());
    const Arrival& arrival = found->second;
    // All workers but the old and the new one pass a barrier on.
    assert(clients_.delivery.outlets.worker_count() >= 2);
    const uint32_t barrier_count = clients_.delivery.outlets.worker_count() - 2;
    assert(arrival.barriers <= barrier_count);
    if (!arrival.link.valid() || arrival.barriers < barrier_count) return;
    const base::LinkHandle handle = arrival.link;
    arrivals_.erase(found);
    // It may have been closed meanwhile. Its input is matched here.
    const runtime::Worker::OwnMatches own(clients_.host.worker);
    if (link::Link* link = clients_.host.table.find(handle)) link->resume(link::PauseReason::kHandover);
}

}  // namespace nuring::client

// SPDX-License-Identifier: Apache-2.0
#include "core/client/client_movers.h"

#include <cassert>
#include <utility>

#include "core/client/client.h"
#include "core/client/client_host.h"
#include "core/client/moved_client.h"

namespace nuring::client {

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
    auto* record = reinterpret_cast<delivery::MoveRecord*>(
        outlets.begin_record(to, sizeof(delivery::MoveRecord), delivery::kMove));
    record->moved = moved.release();
    outlets.commit_record(to, &record->header);
}

void ClientMovers::on_arrived(MovedClient* moved) {
    assert(moved != nullptr);
    const std::unique_ptr<MovedClient> owned(moved);
    ++arrived_;
    const uint64_t cid = owned->connection.cid;
    auto* client = new Client(clients_, std::move(*owned));  // LinkHost deletes it once it is retired
    arrivals_[cid].link = client->handle();
    client->arrive(*owned);
    resume_if_complete(cid);
}

void ClientMovers::on_barrier(const delivery::MoveBarrierRecord& record) {
    if (record.to == clients_.host.id) {
        ++arrivals_[record.cid].barriers;
        return resume_if_complete(record.cid);
    }
    send_barrier(record.to, record.cid, record.to);
}

void ClientMovers::send_barrier(base::WorkerId next, uint64_t cid, base::WorkerId to) {
    delivery::Outlets& outlets = clients_.delivery.outlets;
    auto* barrier = reinterpret_cast<delivery::MoveBarrierRecord*>(
        outlets.begin_record(next, sizeof(delivery::MoveBarrierRecord), delivery::kMoveBarrier));
    barrier->cid = cid;
    barrier->to = to;
    outlets.commit_record(next, &barrier->header);
}

void ClientMovers::resume_if_complete(uint64_t cid) {
    const auto found = arrivals_.find(cid);
    assert(found != arrivals_.end());
    const Arrival arrival = found->second;
    assert(clients_.delivery.outlets.worker_count() >= 2);
    const uint32_t others = clients_.delivery.outlets.worker_count() - 2;
    assert(arrival.barriers <= others);
    if (!arrival.link.valid() || arrival.barriers < others) return;
    arrivals_.erase(found);
    // It may have been closed meanwhile.
    if (link::Link* link = clients_.host.table.find(arrival.link)) link->resume(link::PauseReason::kHandover);
}

}  // namespace nuring::client

// SPDX-License-Identifier: Apache-2.0
#include "core/server/worker_state.h"

#include <cassert>
#include <vector>

#include "core/client/client_records.h"
#include "core/config/duration.h"
#include "core/delivery/receive_record.h"
#include "core/delivery/records.h"
#include "core/link/link.h"

namespace nuring::server {

WorkerState::WorkerState(runtime::Worker& worker, const Shared& shared, log::Writer& log,
                         const client::ClientSettings& settings)
    : host(worker, shared.links, log),
      delivery(host, shared.delivery, static_cast<uint32_t>(settings.options->uring.cache_entries)),
      clients(delivery, settings),
      internal(delivery),
      drain(host, delivery.outlets) {
    set_limits(*settings.options);
    delivery.set_operator_mode(clients.authenticator().trust() != nullptr);
    worker.set_delegate(this);
}

WorkerState::~WorkerState() = default;

void WorkerState::set_limits(const config::Options& options) {
    constexpr uint64_t kWatchedMax = 1024 * 1024;
    const auto max_pending = static_cast<uint64_t>(options.max_pending);
    const runtime::Mesh& mesh = host.worker.mesh();
    const link::FlowLimits flow = link::flow_limits(max_pending, mesh.worker_count(), mesh.mailbox_bytes());
    const uint64_t stall_from = options.no_fast_producer_stall ? max_pending : flow.stall_from_bytes;
    link::LinkLimits limits{.max_pending_bytes = max_pending,
                            .watched_bytes = std::min(stall_from, kWatchedMax),
                            .stall_from_bytes = stall_from,
                            .flow = flow,
                            .write_deadlines = {},
                            .ping_interval_ns = static_cast<uint64_t>(options.ping_interval.count()),
                            .ping_max = options.ping_max};
    const auto set_deadline = [&](proto::Kind kind, config::nanoseconds given, config::WriteTimeout rule) {
        const config::nanoseconds deadline = given.count() > 0 ? given : options.write_deadline;
        limits.write_deadlines[proto::index_of(kind)] = {.ns = static_cast<uint64_t>(deadline.count()),
                                                         .text = config::format_duration(deadline),
                                                         .is_for_all = rule == config::WriteTimeout::kClose};
    };
    const auto set_times = [&](proto::Kind kind, const config::LinkTimes& times) {
        set_deadline(kind, times.write_deadline, times.write_timeout);
    };
    for (size_t i = 0; i < proto::kKindCount; ++i) {
        set_deadline(static_cast<proto::Kind>(i), {}, options.write_timeout);
    }
    set_times(proto::Kind::kRoute, options.cluster.times);
    set_times(proto::Kind::kGateway, options.gateway.times);
    set_times(proto::Kind::kLeafnode, options.leafnodes.times);
    set_times(proto::Kind::kHub, options.leafnodes.times);
    host.set_limits(std::move(limits));
    delivery.set_headers(!options.no_header_support);
}

void WorkerState::apply(const client::ClientSettings& settings, bool check_clients) {
    set_limits(*settings.options);
    clients.apply(settings);
    delivery.set_operator_mode(clients.authenticator().trust() != nullptr);
    // relaxed: set before this task was posted
    const bool has_excess = host.facts.excess_clients.load(std::memory_order_relaxed) > 0;
    // Limits in tokens are compared with those of the server.
    if (check_clients || clients.authenticator().trust() != nullptr) clients.check_all();
    refresh_accounts();
    if (has_excess) clients.close_excess();
}

// The youngest first: where there are too many leafnodes, the others stay.
void WorkerState::refresh_accounts() {
    const std::vector<base::LinkHandle> all = host.handles();
    for (size_t i = all.size(); i-- > 0;) {
        if (link::Link* link = host.table.find(all[i])) link->on_account_changed();
    }
    delivery.servers.announce_reply_patterns(delivery.accounts);
}

void WorkerState::enter_lame_duck(void (*gone)(void*), void* state) {
    const config::Options& options = clients.options();
    drain.enter_lame_duck(
        {.duration = options.lame_duck_duration, .grace_period = options.lame_duck_grace_period},
        gone, state);
}

void WorkerState::look_ahead(std::span<const runtime::RecordHeader* const> records) {
    delivery::look_ahead(delivery, records);
}

size_t WorkerState::on_record(base::WorkerId from, const runtime::RecordHeader& record) {
    assert(record.kind >= delivery::kAdopt);
    assert(record.kind <= delivery::kEndStalls);
    switch (static_cast<delivery::RecordKind>(record.kind)) {
        case delivery::kAdopt:
            clients.adopt(reinterpret_cast<const client::AdoptRecord&>(record).fd);
            break;
        case delivery::kDeliver:
        case delivery::kDeliverLarge:
        case delivery::kDeliverOne:
        case delivery::kDeliverOneLarge:
        case delivery::kDeliverQueue:
        case delivery::kDeliverQueueLarge:
        case delivery::kDeliverReply:
        case delivery::kDeliverReplyLarge:
        case delivery::kDeliverServer:
        case delivery::kDeliverServerLarge:
            return delivery::deliver_record(
                delivery, reinterpret_cast<const delivery::DeliverRecord&>(record));
        case delivery::kMove:
            clients.movers.on_arrived(reinterpret_cast<const client::MoveRecord&>(record));
            break;
        case delivery::kMoveBarrier:
            clients.movers.on_barrier(reinterpret_cast<const client::MoveBarrierRecord&>(record));
            break;
        case delivery::kMoveBegin:
            clients.movers.on_begin(reinterpret_cast<const client::MoveBeginRecord&>(record));
            break;
        case delivery::kMoveSwitch:
            clients.movers.on_switch(from, reinterpret_cast<const client::MoveSwitchRecord&>(record));
            break;
        case delivery::kMoveMarker:
            clients.movers.on_marker(from, reinterpret_cast<const client::MoveSwitchRecord&>(record));
            break;
        case delivery::kMoveCancel:
            clients.movers.on_cancel(reinterpret_cast<const client::MoveCancelRecord&>(record));
            break;
        case delivery::kStall:
        case delivery::kEndStalls:
            delivery.stall_gate.on_record(record);
            break;
        case delivery::kInterest: {
            const auto& interest = reinterpret_cast<const delivery::InterestRecord&>(record);
            delivery.note_announced(from, interest.lines);
            if (interest.is_of_others != 0) {
                delivery.servers.announce_others(*interest.account, interest.pattern(), interest.queue(),
                                                 static_cast<proto::Kind>(interest.kind));
            } else {
                delivery.servers.announce(*interest.account, interest.pattern(), interest.queue());
            }
            break;
        }
    }
    return 0;
}

void WorkerState::on_room(base::WorkerId to) {
    delivery.outlets.on_room(to);
}

// True: there is more, or some of it asks for room in the next turn.
bool WorkerState::release_slice() {
    constexpr size_t kLinesPerRelease = 8;  // are as much work as to release one
    host.set_release_cost(1 + delivery.lines_per_change() / kLinesPerRelease);
    const uint64_t spilled = delivery.outlets.spilled_count();
    const bool has_more = host.has_releases() && may_release() && host.release_slice();
    return has_more || delivery.outlets.spilled_count() != spilled;
}

// Not while another worker is behind with announcing; nor into a mailbox without room, since what waits for
// it keeps this worker from sending. But publishers may fill all the room that comes.
bool WorkerState::may_release() {
    constexpr uint64_t kWithoutRoomMax_ns = 50'000'000;
    if (delivery.must_wait_to_announce()) return false;
    if (delivery.lacks_room_to_announce()) {
        const uint64_t now_ns = host.ring.now_ns();
        if (lacks_room_since_ns_ == 0) lacks_room_since_ns_ = now_ns;
        const bool is_early = now_ns - lacks_room_since_ns_ < kWithoutRoomMax_ns;
        if (is_early || delivery.outlets.has_spill()) return false;
    }
    lacks_room_since_ns_ = 0;
    return true;
}

// New clients go where there is little to do.
void WorkerState::publish_load() {
    load_measured_ns_ = host.worker.busy_measured_ns();
    host.facts.worker_loads.set_busy(host.id, host.worker.busy_share(), load_measured_ns_);
}

bool WorkerState::flush() {
    if (host.worker.busy_measured_ns() != load_measured_ns_) [[unlikely]]
        publish_load();
    const bool has_resumed = delivery.interest_gate.begin_turn();
    const bool has_published = internal.has_queued();
    internal.flush();
    // Forgets what the server's own messages have noted, too.
    const bool has_rested = delivery.stall_gate.begin_turn();
    const bool has_retried = delivery.outlets.retry();
    const bool ending = drain.advance();
    const bool releasing = release_slice();
    const bool checking = clients.check_slice();
    const bool has_announced = delivery.servers.has_interest_to_send();
    const bool announcing = delivery.servers.send_interest_slice();
    // Links that read on have published: that goes before their PONGs.
    if (has_published || has_retried || has_resumed || has_rested || has_announced)
        host.worker.mesh().flush(host.id);
    // While a record waits for room nothing is sent: a PONG must not overtake the messages before it. That is
    // short, since every worker drains its mailboxes in every turn, whatever else it does.
    if (!delivery.outlets.has_spill()) host.flush_links();
    host.begin_turn();
    delivery.end_turn();
    drain.report_drained();
    return delivery.outlets.wants_turn() || internal.has_queued() || ending || releasing ||
           checking || announcing || delivery.interest_gate.wants_turn() || delivery.stall_gate.wants_turn();
}

}  // namespace nuring::server

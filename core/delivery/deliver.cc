// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/deliver.h"

#include <algorithm>
#include <cassert>

#include "absl/container/inlined_vector.h"
#include "core/account/account.h"
#include "core/delivery/delivery.h"
#include "core/delivery/local_delivery.h"
#include "core/delivery/queue_delivery.h"
#include "core/delivery/send_record.h"
#include "core/delivery/server_delivery.h"
#include "core/interest/forward_rules.h"
#include "proto/kind.h"
#include "proto/subject.h"

namespace nuring::delivery {
namespace {

// Links to servers that are gathered for a message without an allocation.
constexpr size_t kServersInline = 8;

bool may_reach(const Publisher& publisher, base::LinkHandle server, proto::Kind kind,
               const MessageRun& run) {
    if (server == publisher.link) return false;
    return interest::may_forward(publisher.kind, kind,
                                 run.subject.starts_with(proto::kServiceReplyPrefix));
}

bool is_of_leafnodes(proto::Kind kind) {
    return interest::rules_of(kind).rank == interest::QueueRank::kLeaf;
}

// To the queue groups and the other servers.
bool deliver_to_others(Delivery& delivery, const RecordPlan& plan, const interest::MatchResult& match,
                       const MessageRun& run, link::SharedBody** on_heap) {
    const Publisher& publisher = plan.publisher;
    absl::InlinedVector<base::LinkHandle, kServersInline> servers;
    for (size_t i = 0; i < match.servers().size(); ++i) {
        const base::LinkHandle server = match.servers()[i];
        if (may_reach(publisher, server, match.server_kinds()[i], run)) servers.push_back(server);
    }
    bool taken = false;
    Picks picks;
    for (uint32_t i = 0; i < match.queue_group_count(); ++i) {
        const interest::QueueGroup group = match.queue_group(i);
        if (!publisher.may_serve(group.name)) continue;
        taken |= deliver_to_group(delivery, plan, group, run, on_heap, &picks);
    }
    if (servers.empty() && picks.empty()) return taken;
    deliver_to_servers(delivery, plan, {servers.data(), servers.size()}, picks, run, on_heap);
    return true;
}

// To all but the plain subscriptions of this worker.
bool deliver_run_beyond(Delivery& delivery, const Publisher& publisher, account::Account& account,
                        const interest::MatchEntry& entry, const MessageRun& run) {
    const interest::MatchResult& match = entry.result();
    const uint64_t lone = match.lone_remote();
    const RecordPlan plan{.kind = lone != 0 ? kDeliverOne : kDeliver,
                          .account = &account,
                          .publisher = publisher,
                          .target = lone != 0 ? lone : entry.hash(),
                          .is_for_several = match.remote_workers().count() + match.servers().size() > 1};
    link::SharedBody* on_heap = nullptr;
    bool taken = false;
    // How the subscriptions spread over the workers is unknown: each may have them all. A message for few is
    // not counted, and waits for no worker (room.cc).
    const bool is_for_many = match.remote_count() >= InterestGate::kReceiversMin;
    const uint64_t copies =
        is_for_many ? run.count * InterestGate::copies(match.remote_count(), run.stride) : 0;
    match.remote_workers().for_each([&](base::WorkerId worker) {
        send_record(delivery, worker, plan, run, &on_heap);
        delivery.outlets.note_copies(worker, copies);
        taken = true;
    });
    if (!match.is_plain()) taken |= deliver_to_others(delivery, plan, match, run, &on_heap);
    if (on_heap != nullptr) link::SharedBody::release(on_heap);
    return taken;
}

}  // namespace

bool Publisher::may_serve(std::string_view queue) const {
    if (!interest::rules_of(kind).names_queues || all_queues) return true;
    for (std::string_view rest = queues; !rest.empty();) {
        const size_t end = std::min(rest.find_first_of(" \t"), rest.size());
        if (rest.substr(0, end) == queue) return true;
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return false;
}

void send_reply_record(Delivery& delivery, base::WorkerId to, const Publisher& publisher,
                       account::Account& account, const MessageRun& message) {
    const RecordPlan plan{
        .kind = kDeliverReply, .account = &account, .publisher = publisher, .target = 0};
    link::SharedBody* on_heap = nullptr;
    send_record(delivery, to, plan, message, &on_heap);
    if (on_heap != nullptr) link::SharedBody::release(on_heap);
}

void deliver_run_to_server(Delivery& delivery, const Publisher& publisher,
                           account::Account& account, base::LinkHandle server,
                           const MessageRun& run) {
    const RecordPlan plan{.kind = kDeliverServer,
                          .account = &account,
                          .publisher = publisher,
                          .target = server.bits()};
    link::SharedBody* on_heap = nullptr;
    deliver_to_server(delivery, plan, server, /*plain=*/true, {}, run, &on_heap);
    if (on_heap != nullptr) link::SharedBody::release(on_heap);
}

bool has_leaf_servers(const interest::MatchResult& match) {
    const auto kinds = match.server_kinds();
    return std::any_of(kinds.begin(), kinds.end(), is_of_leafnodes);
}

void deliver_run_to_leaf_servers(Delivery& delivery, const Publisher& publisher, account::Account& account,
                               const interest::MatchResult& match, const MessageRun& run) {
    for (size_t i = 0; i < match.servers().size(); ++i) {
        const base::LinkHandle server = match.servers()[i];
        if (server == publisher.link || !is_of_leafnodes(match.server_kinds()[i])) continue;
        deliver_run_to_server(delivery, publisher, account, server, run);
    }
}

bool deliver_run(Delivery& delivery, const Publisher& publisher, account::Account& account,
                 const interest::MatchEntry& entry, const MessageRun& run) {
    assert(entry.sublist() == &account.sublist());
    const interest::MatchResult& match = entry.result();
    const bool taken = deliver_to_local(delivery, publisher.link, publisher.echo, match.local(), run);
    const size_t receivers = match.receiver_count() - match.remote_count();
    delivery.interest_gate.charge_copies(run.count, receivers, run.stride);
    if (match.is_local()) return taken;
    return deliver_run_beyond(delivery, publisher, account, entry, run) || taken;
}

}  // namespace nuring::delivery

// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/server_delivery.h"

#include <algorithm>

#include "absl/container/inlined_vector.h"
#include "core/delivery/delivery.h"

namespace nuring::delivery {
namespace {

// Names of queue groups that one message to a server may carry before memory is taken for them.
constexpr size_t kQueuesInline = 256;

}  // namespace

void hand_over(RemoteServer& server, uint32_t origin_cluster, account::Account& account,
               const MessageRun& run, std::string_view queues) {
    if (origin_cluster == 0) [[likely]]
        return server.deliver_to_server(account, run, queues);
    server.deliver_of_leafnodes(account, run, queues, origin_cluster);
}

void deliver_to_server(Delivery& delivery, RecordPlan plan, base::LinkHandle server, bool plain,
                       const Picks& picks, const MessageRun& run, link::SharedBody** on_heap) {
    plan.kind = kDeliverServer;
    plan.target = server.bits();
    absl::InlinedVector<char, kQueuesInline> names;
    for (uint32_t at = 0; at < run.count;) {
        uint32_t next = run.count;
        names.clear();
        for (const Pick& pick : picks) {
            if (pick.server != server || pick.first + pick.count <= at) continue;
            if (pick.first > at) {
                next = std::min(next, pick.first);
                continue;
            }
            next = std::min(next, pick.first + pick.count);
            if (names.size() + pick.queue.size() + 1 > kNamesSizeMax) {
                delivery.count_lost_group_messages(pick.count);
                continue;
            }
            if (!names.empty()) names.push_back(' ');
            names.insert(names.end(), pick.queue.begin(), pick.queue.end());
        }
        const std::string_view queues(names.data(), names.size());
        if (plain || !queues.empty()) {
            const MessageRun part = part_of(run, at, next - at);
            if (server.worker() == delivery.host.id) {
                if (link::Link* link = delivery.host.table.find(server)) {
                    hand_over(static_cast<RemoteServer&>(*link), plan.publisher.origin_cluster,
                              *plan.account, part, queues);
                }
            } else {
                plan.queue = queues;
                link::SharedBody* part_on_heap = nullptr;
                send_record(delivery, server.worker(), plan, part,
                            part.count == run.count ? on_heap : &part_on_heap);
                if (part_on_heap != nullptr) link::SharedBody::release(part_on_heap);
            }
        }
        at = next;
    }
}

void deliver_to_servers(Delivery& delivery, const RecordPlan& plan,
                        std::span<const base::LinkHandle> servers, const Picks& picks,
                        const MessageRun& run, link::SharedBody** on_heap) {
    for (const base::LinkHandle server : servers) {
        deliver_to_server(delivery, plan, server, /*plain=*/true, picks, run, on_heap);
    }
    for (size_t i = 0; i < picks.size(); ++i) {
        const base::LinkHandle server = picks[i].server;
        const auto is_same = [server](const Pick& other) { return other.server == server; };
        if (std::find(servers.begin(), servers.end(), server) != servers.end()) continue;
        const auto end = picks.begin() + static_cast<std::ptrdiff_t>(i);
        if (std::find_if(picks.begin(), end, is_same) != end) continue;  // it has had them all
        deliver_to_server(delivery, plan, server, /*plain=*/false, picks, run, on_heap);
    }
}

}  // namespace nuring::delivery

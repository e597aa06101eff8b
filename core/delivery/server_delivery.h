// SPDX-License-Identifier: Apache-2.0
// Brings messages to other servers, each at most once.
// Threads: the publisher's worker, or the one that a record came to. Errors: none.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "core/base/ids.h"
#include "core/delivery/queue_delivery.h"
#include "core/delivery/remote_server.h"
#include "core/delivery/send_record.h"

namespace nuring::delivery {

class Delivery;

// To a server whose link lives on this worker.
void hand_over(RemoteServer& server, uint32_t origin_cluster, account::Account& account,
               const MessageRun& run, std::string_view queues);

// To one server: the whole run if it has plain subscriptions, and those parts in which it was picked;
// each message once.
void deliver_to_server(Delivery& delivery, RecordPlan plan, base::LinkHandle server, bool plain,
                       const Picks& picks, const MessageRun& run, link::SharedBody** on_heap);

// To those with plain subscriptions, `servers`, and to those that were picked.
void deliver_to_servers(Delivery& delivery, const RecordPlan& plan,
                        std::span<const base::LinkHandle> servers, const Picks& picks,
                        const MessageRun& run, link::SharedBody** on_heap);

}  // namespace nuring::delivery

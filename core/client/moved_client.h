// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "core/auth/authenticator.h"
#include "core/auth/response_table.h"
#include "core/client/client_records.h"
#include "core/client/reply_memory.h"
#include "core/delivery/nats_link.h"
#include "core/link/handover.h"
#include "proto/connect.h"

namespace nuring::account {
class Account;
}

namespace nuring::client {

// MovedClient is a client on its way from one worker to another: all that the Client on the new worker cannot
// find out by itself.
// Threads:  the old worker, then the new one; the mailbox orders them.
// Lifetime: the record that carries it owns it (MoveRecord), then ClientMovers::on_arrived().
struct MovedClient {
    link::Handover connection;
    delivery::Liveness liveness;
    account::Account* account = nullptr;  // where it is counted, if `joined`
    std::shared_ptr<const auth::Identity> identity;
    proto::ConnectOptions connect;
    std::string nonce;
    bool ponged = false;           // these three as in Client
    bool joined = false;
    uint64_t sent_view = 0;
    uint64_t keep_alive_ns = 0;    // when its timer is due
    uint64_t settings_serial = 0;  // of the settings that it was checked against
    // Of the requests that came while it left.
    std::unique_ptr<auth::ResponseTable> responses;
    std::unique_ptr<ReplyOrigins> reply_origins;
    std::unique_ptr<TrackedReplies> tracked_replies;
    std::array<uint64_t, kMovedSubscriptionsMax> delivered{};  // to each of its subscriptions, on old workers
    uint64_t rests_until_ns = 0;  // as in Client
};

}  // namespace nuring::client

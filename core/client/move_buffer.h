// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/ids.h"
#include "core/delivery/message_run.h"
#include "core/delivery/subscriber.h"
#include "core/interest/match_result.h"
#include "core/interest/subscription.h"

namespace nuring::account {
class Account;
}

namespace nuring::client {

class Client;
class ClientHost;
struct MoveBeginRecord;

// MoveBuffer is the subscriber in the place of a client that is on its way to this worker: it has the copies
// of the client's subscriptions, and keeps their messages. The client gets them after everything that the old
// worker has for it.
//
// For a plain subscription the worker that has matched a message decides: before its marker the old worker
// delivers, behind it the MoveBuffer (client_movers.h). For a member of a queue group the MoveBuffer takes
// every message that comes: a match has the original or the copy.
//
// Threads:  its worker.
// Limits:   max_pending bytes. Beyond that nothing is kept, and the client will be a slow consumer. It
//           allocates memory for each run that it keeps: a move is rare and short.
// Errors:   none.
// Lifetime: of one move to this worker; ends with deliver_kept() or drop().
class MoveBuffer final : public delivery::Subscriber {
  public:
    // The copies stand in the account's sublist from now on.
    MoveBuffer(ClientHost& clients, const MoveBeginRecord& record);
    ~MoveBuffer();
    MoveBuffer(const MoveBuffer&) = delete;
    MoveBuffer& operator=(const MoveBuffer&) = delete;

    uint32_t deliver(interest::Subscription& subscription, const delivery::MessageRun& run,
                     base::LinkHandle origin) override;
    bool accepts(const interest::Subscription& subscription, base::LinkHandle origin) const override;

    // From now on the messages that `worker` matches are kept here for plain subscriptions, too.
    void note_switched(base::WorkerId worker) { switched_.add(worker); }
    bool all_switched() const;

    // The handle of the client to come.
    base::LinkHandle handle() const { return handle_; }
    // The copies, in the order of the record.
    const std::vector<interest::Subscription*>& subscriptions() const { return subscriptions_; }
    // The client owns the copies by now (Client::take_copies()); it gets what was kept for them.
    void deliver_kept(Client& client);
    // The client does not come: its interest ends.
    void drop();

  private:
    struct Kept {
        interest::Subscription* subscription;
        delivery::MessageRun run;  // in `bytes`
        base::LinkHandle origin;
        std::unique_ptr<char[]> bytes;
    };

    ClientHost& clients_;
    account::Account& account_;
    const base::LinkHandle handle_;
    std::vector<interest::Subscription*> subscriptions_;
    interest::WorkerSet switched_;
    std::vector<Kept> kept_;
    uint64_t kept_bytes_ = 0;
    bool is_over_limit_ = false;
};

}  // namespace nuring::client

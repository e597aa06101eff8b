// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "absl/container/flat_hash_map.h"
#include "core/base/ids.h"

namespace nuring::interest {
class Subscription;
}

namespace nuring::client {

class Client;
class ClientHost;
class MoveBuffer;
struct MoveBarrierRecord;
struct MoveBeginRecord;
struct MoveCancelRecord;
struct MovedClient;
struct MoveRecord;
struct MoveSwitchRecord;

// ClientMovers is one worker's side of moving clients: it sends those that leave, and holds back those that
// arrive until nothing that they have published before can be overtaken.
//
//   old worker      kMove -----------------------------> new worker   adopts the client, which reads nothing
//   (behind all     kMoveBarrier --> each other worker
//   that it sent)                    kMoveBarrier -----> new worker   with the last one, the client reads on
//
// Mailboxes keep their order: a barrier comes behind all messages of the client, so a worker that passes it
// on has delivered them.
//
// Before that, the link of a client with subscriptions stops reading and sending, and the subscriptions move:
//
//   old worker      kMoveBegin ------------------------> new worker   copies stand in the sublist, for a
//                                                                     MoveBuffer: it delivers there
//   each worker     <----------------------- kMoveSwitch              ... and from now on this one, too
//   (behind all     kMoveMarker -> old, new worker
//   that it sent)
//   old worker, with the last marker:                                 nothing comes there any more
//                   kMove, with what waits to be sent -> new worker   adopts the client: it gets that first,
//                                                                     then what the MoveBuffer has kept
//
// Meanwhile a match has both objects of a plain subscription. The worker that has matched a message decides:
// before its marker the old worker delivers, behind it the new one. Of a member of a queue group a match has
// one or the other, and a record names it. So the client gets each message once, and those of each worker in
// order. A client that is closed meanwhile is not sent: kMoveCancel ends the interest.
//
// Threads:  its worker. Limits, errors: none.
// Lifetime: outlives its worker's clients. No move is on its way when the worker ends (server/drain.h).
class ClientMovers {
  public:
    explicit ClientMovers(ClientHost& clients);
    ~ClientMovers();
    ClientMovers(const ClientMovers&) = delete;
    ClientMovers& operator=(const ClientMovers&) = delete;

    void send(base::WorkerId to, std::unique_ptr<MovedClient> moved);
    // A client with subscriptions will leave for that worker; send() or cancel() follows.
    void begin(base::WorkerId to, const Client& client,
               std::span<interest::Subscription* const> subscriptions);
    void cancel(base::WorkerId to, uint64_t cid);

    // Takes over the client of the record.
    void on_arrived(const MoveRecord& record);
    void on_barrier(const MoveBarrierRecord& record);
    void on_begin(const MoveBeginRecord& record);
    void on_switch(base::WorkerId from, const MoveSwitchRecord& record);
    void on_marker(base::WorkerId from, const MoveSwitchRecord& record);
    void on_cancel(const MoveCancelRecord& record);

    uint64_t departed() const { return departed_; }
    uint64_t arrived() const { return arrived_; }

  private:
    // One move to this worker, until it is complete. A barrier may be here before the client.
    struct Arrival {
        base::LinkHandle link;  // not valid: the client is not here yet
        uint32_t barriers = 0;
        std::unique_ptr<MoveBuffer> buffer;  // null: it has no subscriptions, or is here
        std::unique_ptr<MovedClient> moved;  // waits for the last markers; null: not here yet, or adopted
    };

    // Sends a barrier of a move to worker `to`: `next` is that worker, or passes it on.
    void send_barrier(base::WorkerId next, uint64_t cid, base::WorkerId to);
    void send_switch(base::WorkerId next, uint64_t cid, base::LinkHandle link, uint32_t kind);
    // That worker delivers to the copies here from now on.
    void note_switched(uint64_t cid, base::WorkerId worker);
    void adopt(uint64_t cid, std::unique_ptr<MovedClient> moved);
    void resume_if_complete(uint64_t cid);

    ClientHost& clients_;
    absl::flat_hash_map<uint64_t, Arrival> arrivals_;  // by cid
    uint64_t departed_ = 0;
    uint64_t arrived_ = 0;
};

}  // namespace nuring::client

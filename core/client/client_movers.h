// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "core/base/ids.h"

namespace nuring::client {

class Client;
class ClientHost;
struct MoveBarrierRecord;
struct MovedClient;
struct MoveRecord;

// ClientMovers is one worker's side of moving clients: it sends those that leave, and holds back those that
// arrive until nothing that they have published before can be overtaken.
//
//   old worker      kMove -----------------------------> new worker   adopts the client, which reads nothing
//   (behind all     kMoveBarrier --> each other worker
//   that it sent)                    kMoveBarrier -----> new worker   with the last one, the client reads on
//
// Mailboxes keep their order: a barrier comes behind all messages of the client, so a worker that passes it
// on has delivered them.
// Threads:  its worker. Limits, errors: none.
// Lifetime: outlives its worker's clients. No move is on its way when the worker ends (server/drain.h).
class ClientMovers {
  public:
    explicit ClientMovers(ClientHost& clients) : clients_(clients) {}
    ClientMovers(const ClientMovers&) = delete;
    ClientMovers& operator=(const ClientMovers&) = delete;

    void send(base::WorkerId to, std::unique_ptr<MovedClient> moved);
    // Takes over the client of the record.
    void on_arrived(const MoveRecord& record);
    void on_barrier(const MoveBarrierRecord& record);

    uint64_t departed() const { return departed_; }
    uint64_t arrived() const { return arrived_; }

  private:
    // One move to this worker, until it is complete. A barrier may be here before the client.
    struct Arrival {
        base::LinkHandle link;  // not valid: the client is not here yet
        uint32_t barriers = 0;
    };

    // Sends a barrier of a move to worker `to`: `next` is that worker, or passes it on.
    void send_barrier(base::WorkerId next, uint64_t cid, base::WorkerId to);
    void resume_if_complete(uint64_t cid);

    ClientHost& clients_;
    absl::flat_hash_map<uint64_t, Arrival> arrivals_;  // by cid
    uint64_t departed_ = 0;
    uint64_t arrived_ = 0;
};

}  // namespace nuring::client

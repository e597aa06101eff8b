// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "core/base/ids.h"
#include "core/delivery/records.h"

namespace nuring::client {

class Client;
class ClientHost;
struct MovedClient;

// ClientMovers is one worker's side of moving clients: it sends those that leave, and holds back those that
// arrive until nothing that they have published before can be overtaken.
//
//   old worker      kMove -----------------------------> new worker   adopts the client, which reads nothing
//   (behind all     kMoveBarrier --> each other worker
//   that it sent)                    kMoveBarrier -----> new worker   with the last one, the client reads on
//
// Mailboxes keep their order: a barrier comes behind all messages of the client, so a worker that passes it
// on has delivered them.
// Threads: its worker. Limits, errors: none. Lifetime: outlives its worker's clients.
class ClientMovers {
  public:
    explicit ClientMovers(ClientHost& clients) : clients_(clients) {}
    ClientMovers(const ClientMovers&) = delete;
    ClientMovers& operator=(const ClientMovers&) = delete;

    void send(base::WorkerId to, std::unique_ptr<MovedClient> moved);
    void on_arrived(MovedClient* moved);
    void on_barrier(const delivery::MoveBarrierRecord& record);

    uint64_t departed() const { return departed_; }
    uint64_t arrived() const { return arrived_; }

  private:
    // The state of one move to this worker. A barrier may be here before the client.
    struct Arrival {
        base::LinkHandle link;
        uint32_t barriers = 0;
    };

    // To `next`, which is on the way to the new worker or is that one.
    void send_barrier(base::WorkerId next, uint64_t cid, base::WorkerId to);
    void resume_if_complete(uint64_t cid);

    ClientHost& clients_;
    absl::flat_hash_map<uint64_t, Arrival> arrivals_;  // by cid
    uint64_t departed_ = 0;
    uint64_t arrived_ = 0;
};

}  // namespace nuring::client

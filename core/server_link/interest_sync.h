// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/account/account.h"

namespace nuring::server_link {

class ServerLink;

// InterestSync announces to one server everything that this server wants: when the link is registered, and
// again when the other server may take more than before. It works in slices of one shard of a sublist, one
// after the other in a turn as long as the turn's budget and the room in the link's outbound last.
//
//   request() --> running --slice--slice--...--> done
//                    ^  request() meanwhile: once more from the start, however many requests came
//
// A change of interest during the sync is announced as ever, whatever slice the sync is at: a repeated
// announcement of what holds changes nothing.
//
// Threads:  the link's worker. Limits: kAnnouncedPerTurn lines per turn; a quarter of the link's pending
//           limit. Errors: none. Lifetime: of its link.
class InterestSync {
  public:
    // A million subscriptions take some sixty turns.
    static constexpr size_t kAnnouncedPerTurn = 16 * 1024;

    explicit InterestSync(ServerLink& link) : link_(link) {}

    // Starts a sync of those accounts, or repeats the one that runs when that is done.
    void request(std::vector<account::Account*> accounts);
    bool running() const { return running_; }
    enum class [[nodiscard]] Progress : uint8_t { kDone, kMore, kNoRoom };
    // The next slices.
    Progress step();

  private:
    ServerLink& link_;
    bool running_ = false;
    bool again_ = false;
    std::vector<account::Account*> accounts_;
    std::vector<account::Account*> next_accounts_;
    size_t account_ = 0;  // index in accounts_
    uint32_t slice_ = 0;
};

}  // namespace nuring::server_link

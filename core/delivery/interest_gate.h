// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/ids.h"
#include "core/link/link_host.h"

namespace nuring::link {
class Link;
}

namespace nuring::delivery {

// InterestGate bounds the work of a turn that the bytes of its input do not bound. It counts the cost of
//   - a SUB or UNSUB of a client, which takes up to a microsecond;
//   - an interest line of another server, which takes longer: one that joins may announce a million subjects;
//   - the lines by which a change is announced: a hub may have thousands of leafnodes;
//   - the subscriptions that the worker looks at for a message: a match anew after each SUB, or members of a
//     large group that do not take it;
//   - the copies of a message that has many receivers.
// Beyond the limit of a turn a link rests: it is paused until the next turn.
// Threads: its worker. Limits: kCostPerTurn, all links together. Errors: none.
class InterestGate {
  public:
    static constexpr uint32_t kClientCost = 1;  // of an operation of a client: the unit
    static constexpr uint32_t kServerCost = 4;  // of an interest line of another server
    // About 10 ms.
    static constexpr uint32_t kCostPerTurn = 16 * 1024;
    // So many of these cost as much as one operation of a client.
    static constexpr uint32_t kLinesPerCost = 16;  // to other servers
    static constexpr uint32_t kComparisonsPerCost = 4;
    static constexpr size_t kSearchedPerCost = 32;
    static constexpr uint64_t kCopiesPerCost = 16;
    static constexpr uint64_t kCopiesPerTurn = uint64_t{kCostPerTurn} * kCopiesPerCost;
    // A message for fewer receivers is not counted: the bytes of the input bound that work.
    static constexpr size_t kReceiversMin = 16;
    // All links that rest get the same share of a turn, but no less than this: a link with few operations
    // does not wait until others have finished theirs.
    static constexpr uint32_t kShareMin = 256;

    explicit InterestGate(link::LinkHost& host) : host_(host) {}
    InterestGate(const InterestGate&) = delete;
    InterestGate& operator=(const InterestGate&) = delete;

    // One operation that is no message. False: the link is paused, and goes on in the next turn.
    [[nodiscard]] bool admits(link::Link& link, uint32_t cost) {
        if (cost_ < cost_max_) [[likely]] {
            charge(cost);
            return true;
        }
        rest(link);
        return false;
    }

    // An operation compared a pattern with so many others.
    void charge_comparisons(size_t comparisons) { charge(comparisons / kComparisonsPerCost); }
    // A change that is announced by up to so many lines, here or on other workers.
    void charge_lines(uint64_t lines) {
        lines_ += lines;
        charge(lines_ / kLinesPerCost);
        lines_ %= kLinesPerCost;
    }
    // The worker looked at so many subscriptions to find the receivers of a message.
    void charge_search(size_t looked_at) {
        if (looked_at < kSearchedPerCost) [[likely]]
            return;
        has_worked_ = true;
        charge(looked_at / kSearchedPerCost);
    }
    // The work to copy a message of that size for so many receivers, in copies of small frames.
    static uint64_t copies(size_t receivers, size_t message_size) {
        constexpr size_t kBytesPerCopy = 256;
        return receivers * (1 + message_size / kBytesPerCopy);
    }
    // A run of so many messages went to so many receivers.
    void charge_copies(uint32_t count, size_t receivers, size_t message_size) {
        if (receivers < kReceiversMin) [[likely]]
            return;
        has_worked_ = true;
        charge(count * copies(receivers, message_size) / kCopiesPerCost);
    }
    // After a message of that link. True: search and copies have used up the turn, and it is paused.
    [[nodiscard]] bool rests_after_message(link::Link& link) {
        if (!has_worked_) [[likely]]
            return false;
        has_worked_ = false;
        if (cost_ < cost_max_) return false;
        rest(link);
        return true;
    }

    // The link is paused until the next turn.
    void rest(link::Link& link);

    // Resumes the links that rest, each for its share, as far as the new turn's limit lasts. True: there were
    // some.
    bool begin_turn();
    // Links rest: the next turn must not wait.
    bool wants_turn() const { return !resting_.empty() && !host_.holding(); }

  private:
    void charge(uint64_t cost) {
        cost_ += static_cast<uint32_t>(std::min<uint64_t>(cost, kCostPerTurn - cost_));
    }

    link::LinkHost& host_;
    uint32_t cost_ = 0;                 // of this turn's operations
    uint32_t cost_max_ = kCostPerTurn;  // less while a link has its share
    uint64_t lines_ = 0;                // not counted in cost_ yet: fewer than kLinesPerCost
    bool has_worked_ = false;           // the last message was charged for search or copies
    std::vector<base::LinkHandle> resting_;
};

}  // namespace nuring::delivery

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"

namespace nuring::account {
class Account;
}

namespace nuring::monitor {

// The account and connection of a request.
struct RequestOrigin {
    const account::Account* account = nullptr;
    uint64_t connection = 0;   // bits of its handle
    bool is_operator = false;  // a user of the system account
};

// AnswerQueue holds the requests to answer and the events to publish under $SYS. The server's own events come
// first, then the operator's requests, then those of other accounts. Accounts take turns, and in each its
// connections. While others wait, at most kOperatorRun of the operator's are served in a row, so that a busy
// operator locks nobody out.
//
// Threads: one at a time; the owner locks.
// Limits:  kConnectionMax requests of one connection, kAccountMax of one account, kRequestsMax in all, of
//          which kOperatorShare only the operator may use. The server's own events bound themselves.
// Errors:  add() returns false when there is no room.
// Source:  ours.
class AnswerQueue {
  public:
    using Task = std::function<void()>;

    static constexpr size_t kConnectionMax = 16;
    static constexpr size_t kAccountMax = 64;
    static constexpr size_t kRequestsMax = 1024;
    static constexpr size_t kOperatorShare = 128;
    static constexpr uint32_t kOperatorRun = 4;
    static_assert(kConnectionMax <= kAccountMax);
    static_assert(kAccountMax <= kRequestsMax - kOperatorShare);

    void add_own(Task task) { own_.push_back(std::move(task)); }
    // To be asked before a request is copied.
    bool has_room(const RequestOrigin& origin) const;
    [[nodiscard]] bool add(const RequestOrigin& origin, Task task);
    // Empty: there is nothing to do.
    std::optional<Task> next();
    size_t size() const { return own_.size() + request_count_; }

  private:
    // Requests of one account, or all of the operator's.
    struct Requests {
        absl::flat_hash_map<uint64_t, std::deque<Task>> connections;  // none is empty
        std::deque<uint64_t> turns;                                   // their keys, the next one first
        size_t count = 0;
    };

    static bool has_room(const Requests& requests, uint64_t connection);
    static Task take(Requests* requests);

    std::deque<Task> own_;
    Requests operator_;
    absl::flat_hash_map<const account::Account*, Requests> accounts_;  // none is empty
    std::deque<const account::Account*> turns_;                        // their keys, the next one first
    size_t request_count_ = 0;
    uint32_t operator_run_ = 0;  // served in a row
};

}  // namespace nuring::monitor

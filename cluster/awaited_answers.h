// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "core/account/account.h"
#include "core/delivery/delivery.h"
#include "core/delivery/remote_server.h"

namespace nuring::cluster {

// AwaitedAnswers are the targets of answers to requests over service imports of one server before 2.1.2,
// which announces no interest in them: a subscription for each, until its answer has passed or its time is
// up.
//
// Threads:  the worker of its link.
// Limits:   kCountMax answers, kWait_ns each, to subjects of kSubjectSizeMax bytes. An answer beyond them, or
//           to what is no subject, does not arrive. Each call but release() handles a few of them.
// Errors:   none.
// Lifetime: of its link; empty at its end.
// Source:   server/route.go, processInboundRoutedMsg 2.0.0-RC19: a subscription for one message.
class AwaitedAnswers {
  public:
    static constexpr size_t kCountMax = 65536;
    static constexpr size_t kSubjectSizeMax = 256;  // they are a prefix and 22 characters
    static constexpr uint64_t kWait_ns = 600'000'000'000;
    // add() removes as many whose time is up.
    static constexpr size_t kExpiredPerAdd = 2;

    AwaitedAnswers(delivery::Delivery& delivery, delivery::RemoteServer& owner)
        : delivery_(delivery), owner_(owner) {}
    ~AwaitedAnswers();
    AwaitedAnswers(const AwaitedAnswers&) = delete;
    AwaitedAnswers& operator=(const AwaitedAnswers&) = delete;

    void add(account::Account& account, std::string_view subject, uint64_t now_ns);
    // A message to that subject has left over the link.
    void on_answer(account::Account& account, std::string_view subject);
    // Removes so many at most; returns how many.
    size_t release(size_t most);

    size_t count() const { return waiting_.size(); }
    bool empty() const { return waiting_.empty(); }

  private:
    struct Awaited {
        std::string key;
        account::Account* account;
        interest::Subscription* subscription;
        uint64_t expires_ns;
    };
    using Waiting = std::list<Awaited>;

    static std::string key_of(const account::Account& account, std::string_view subject);
    void remove(Waiting::iterator awaited);

    delivery::Delivery& delivery_;
    delivery::RemoteServer& owner_;
    Waiting waiting_;  // the one that expires first comes first
    absl::flat_hash_map<std::string_view, Waiting::iterator> by_key_;
};

}  // namespace nuring::cluster

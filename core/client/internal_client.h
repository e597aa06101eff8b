// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/account/account.h"
#include "core/base/ids.h"
#include "core/delivery/delivery.h"
#include "core/delivery/subscriber.h"
#include "core/interest/subscription.h"

namespace nuring::client {

// A message that reached the server itself. Views into the input, valid during the call.
struct InternalMessage {
    account::Account& account;  // in whose subject space
    std::string_view subject;
    std::string_view reply;
    std::string_view headers;  // the whole block, or empty
    std::string_view body;
    base::LinkHandle origin;  // the link that has published it
};

// A message that the server publishes.
struct InternalPublish {
    account::Account* account = nullptr;
    std::string subject;
    std::string reply;
    std::string headers;  // a whole block ("NATS/1.0\r\n...\r\n\r\n"), or empty
    std::string body;
};

// InternalClient is the server itself as a client of one worker: a publisher and subscriber in any account,
// without a socket. It is meant for what is rare (events, requests to the server, claims).
//
// A message is published at the end of the turn, not where publish() is called: an event may come out
// of the middle of a delivery, and what delivers it may close links, which makes further events.
//
// Threads: its worker. From elsewhere: server/server.h, publish() and subscribe().
// Limits:  messages of 4 GiB; what the mailboxes of other workers cannot take spills as for any
//          record. A handler that answers itself for ever runs once per turn.
// Errors:  a subject that is no literal (an account's name with blanks or wildcards in it) is dropped.
// Lifetime: owned by its worker, shorter than the accounts.
class InternalClient final : public delivery::Subscriber {
  public:
    // Called in the middle of a turn; must not block. May publish, subscribe and unsubscribe.
    using Handler = std::function<void(const InternalMessage&)>;

    explicit InternalClient(delivery::Delivery& delivery);
    ~InternalClient();
    InternalClient(const InternalClient&) = delete;
    InternalClient& operator=(const InternalClient&) = delete;

    // To which servers a subscription is announced: in the system account to all, so that their requests
    // come here; what a server does for the clients of an account, each does itself.
    enum class Reach : uint8_t { kCluster, kServer };
    // Returns what unsubscribe() takes; 0: not a valid pattern.
    uint64_t subscribe(account::Account& account, std::string_view pattern, Handler handler,
                       std::string_view queue = {}, Reach reach = Reach::kCluster);
    void unsubscribe(uint64_t id);

    void publish(InternalPublish message);
    // To be asked before an event is written: it costs nothing when nobody listens.
    bool has_interest(account::Account& account, std::string_view subject) const;

    // Called at the end of a turn: delivers what was published by then.
    void flush();
    bool has_queued() const { return !queued_.empty(); }

    uint32_t deliver(interest::Subscription& subscription, const delivery::MessageRun& run,
                     base::LinkHandle origin) override;
    bool accepts(const interest::Subscription& subscription, base::LinkHandle origin) const override;

  private:
    struct Entry {
        account::Account* account;
        interest::Subscription* subscription;
        Handler handler;
    };

    void deliver_now(const InternalPublish& message);

    delivery::Delivery& delivery_;
    link::LinkHost& host_;
    const base::LinkHandle handle_;  // beyond all slots: names no link
    // By the subscription's serial. Nodes do not move, and those of ended subscriptions stay until the
    // turn's end: a handler may end its own.
    absl::flat_hash_map<uint64_t, std::unique_ptr<Entry>> entries_;
    std::vector<std::unique_ptr<Entry>> ended_;
    uint64_t last_sid_ = 0;
    std::vector<InternalPublish> queued_;
};

}  // namespace nuring::client

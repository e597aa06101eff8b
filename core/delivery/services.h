// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/account/account.h"
#include "core/base/ids.h"
#include "core/delivery/message_run.h"
#include "core/delivery/publisher.h"
#include "core/delivery/reply_table.h"
#include "core/interest/match_cache.h"
#include "core/ring/secret_source.h"

namespace nuring::link {
class Link;
}

namespace nuring::delivery {

class Delivery;

// Requestor is the publisher of a request, as the Nats-Request-Info header describes it.
// Threads: its worker. Limits, errors: none.
class Requestor {
  public:
    // As JSON: account and round trip time; with `detailed` (an import's `share`) also the rest.
    // `service`: the account in between, if there is one.
    virtual std::string request_info(bool detailed, std::string_view service) const = 0;

  protected:
    ~Requestor() = default;
};

// The source of a message that may lead into other accounts.
struct ServiceSource {
    const Publisher& publisher;
    account::Account& account;           // of its subject
    const interest::MatchEntry& entry;   // its match there
    const Requestor* requestor = nullptr;  // null: there is no Nats-Request-Info header
};

// Services carries messages over service imports: a request whose subject is the local name of one goes
// on in the exporter's account, where its reply subject is one of our own; the reply to that comes back
// under the requestor's. Imports of imports are followed to their end.
//
//   account A          | account B                     worker of the requestor | of the responder
//   PUB svc, reply in1 | -> match svc.b                ---- record, as ever ---------> MSG
//                      |    reply _R_.x  (ReplyTable)
//   MSG in1 <----------| <- PUB _R_.x                  <--- kDeliverReply ------------ PUB
//
// A way is a tree of legs, one for each account that the message comes to. All of it is known before
// anything is delivered, so that a message which finds no room is tried again as a whole.
//
// Threads: one worker. No lock; memory is taken until the longest way has been gone once.
// Limits:  kLegsMax legs of one message. An import is followed once on each way, so circles end.
// Errors:  none: what leads nowhere is not delivered, and the requestor gets "no responders".
// Source:  processServiceImport in server/client.go 2.9.10; no responders across accounts as in 2.12.
class Services {
  public:
    static constexpr size_t kLegsMax = 64;

    explicit Services(Delivery& delivery);
    ~Services();
    Services(const Services&) = delete;
    Services& operator=(const Services&) = delete;

    // Finds all ways of the message (a run of one). False: no room, `link` was paused. `link` may be
    // null: then what finds no room spills.
    bool prepare(const ServiceSource& source, const MessageRun& message, link::Link* link);
    // Goes them, the source's own match included. True if anybody took the message.
    bool deliver();
    // Forgets them instead.
    void cancel() { end(); }

    // A reply whose route is known here, from another worker.
    void deliver_reply(const Publisher& publisher, account::Account& account,
                       const MessageRun& message);

    const ReplyTable& replies() const { return replies_; }

    // Of a route that is measured: does anybody listen to its reply subject?
    bool is_awaited(ReplyTable::Slot slot);
    // Tells how the request has ended, and closes the route.
    void end_sample(ReplyTable::Slot slot, LatencyStatus status);
    // The measurement of the responder's server did not come.
    void drop_sample(ReplyTable::Slot slot) { replies_.remove(slot); }
    // It has come; `exporter` is the account that `remote` names.
    void on_remote_latency(const account::Account& exporter, proto::RemoteLatency remote);

  private:
    struct Leg;

    Leg& add_leg(account::Account& account, Leg* parent);
    bool is_followed(const Leg& leg, const account::ServiceImport& import) const;
    // All ways on from this leg and those behind it.
    void follow_from(size_t first);
    void follow(Leg& leg, const interest::Subscription& service);
    void follow_import(Leg& leg, const account::ServiceImport& import);
    void follow_reply(Leg& leg);
    // Applies the account's mappings and matches. False: nobody there can have it.
    bool arrive(Leg& leg);
    bool has_room(link::Link& link);
    void go(Leg& leg);
    void go_import(Leg& leg);
    void measure(Leg& leg);
    void go_reply(Leg& leg);
    void end_measurement(Leg& leg);
    void end_route(ReplyTable::Slot slot);
    void deliver_at(Leg& leg);
    void settle();
    void write_frame(Leg& leg, std::string_view reply, std::string_view headers);
    std::string_view request_headers(const Leg& leg);
    void end();

    Delivery& delivery_;
    ReplyTable replies_;
    ring::SecretSource secrets_;  // of reply subjects
    std::vector<std::unique_ptr<Leg>> legs_;  // the first leg_count_ are in use
    size_t leg_count_ = 0;
    Publisher publisher_;
    const Requestor* requestor_ = nullptr;
    std::string reply_subject_;  // of the leg that goes
    std::string header_block_;
};

}  // namespace nuring::delivery

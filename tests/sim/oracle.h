// SPDX-License-Identifier: Apache-2.0
// What the clients of a simulated server must see.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/sim/tenants.h"

namespace nuring::sim {

// A message as a client received it.
struct ReceivedMessage {
    std::string_view subject;
    std::string_view sid;
    std::string_view reply;
    std::string_view headers;
    std::string_view payload;
};

// One publish of one client; its payload names the client and its place among the publishes of that
// client.
struct PublishRecord {
    std::string subject;
    std::string reply;
    uint32_t payload_size = 0;
    bool has_headers = false;
    uint64_t step = 0;                         // when the client queued it
    uint32_t no_responders_count = 0;          // answers "503" that came
    std::map<std::string, uint32_t> by_queue;  // deliveries to members of each queue group
};

// One subscription from its SUB to the end of the run.
struct SubscriptionRecord {
    static constexpr uint64_t kNever = UINT64_MAX;

    uint32_t client = 0;
    std::string sid;
    std::string pattern;
    std::string queue;
    uint64_t confirmed_step = kNever;     // a PING after the SUB was answered
    uint64_t unsubscribed_step = kNever;  // plain UNSUB queued
    bool unsubscribe_acknowledged = false;
    uint64_t max = 0;  // of the last UNSUB with a number; 0: none
    bool max_acknowledged = false;
    uint64_t limit = 0;  // once acknowledged: how many it may receive in all
    uint64_t received = 0;
    uint64_t out_of_order = 0;          // queue members only, see Oracle
    std::map<uint32_t, uint32_t> next;  // by publisher: one after the last that was received
};

// A client as far as the oracle must know.
struct ClientRecord {
    const SimUser* user = &kSimUsers[0];
    bool echo = true;
    bool headers = true;
    bool no_responders = false;
    bool alive = true;              // its connection has not ended, and will not
    uint32_t fenced_publishes = 0;  // so many of its publishes were surely handled
    std::vector<PublishRecord> publishes;
    uint64_t inbox = UINT64_MAX;  // its subscription for answers
};

// Oracle is a model of the server that needs no timing: it knows what must be delivered, what may
// be, and what must not, from the order of what clients sent and saw.
//
// - To a plain subscription the messages of one publisher come without repetition or reordering,
//   and from the first that was published after the SUB was confirmed without a gap, to the end (of
//   the run; of what a lost publisher is known to have got through) unless UNSUB was sent.
// - Of each queue group exactly one member gets a message: never two; none only if a member that
//   could have been chosen was lost, or no member was there for certain.
// - Nothing comes after the acknowledgement of an UNSUB, nor beyond the number of an
//   auto-unsubscribe.
// - Nothing passes from one account to the other but by the stream and the service of tenants.h. A request
//   over the service is answered at most once.
// - A request that nobody can take is answered with 503 once; one that somebody surely takes never.
//
// Threads: one. Errors: note_... return a text that says what is wrong, empty when all is well.
class Oracle {
  public:
    uint32_t add_client(const ClientRecord& client);
    ClientRecord& client(uint32_t id) { return clients_[id]; }
    size_t add_subscription(const SubscriptionRecord& subscription);
    SubscriptionRecord& subscription(size_t index) { return subscriptions_[index]; }
    size_t subscription_count() const { return subscriptions_.size(); }

    // Adds the publish and returns its payload.
    std::string add_publish(uint32_t client, PublishRecord publish);

    [[nodiscard]] std::string note_message(size_t subscription, const ReceivedMessage& message);
    [[nodiscard]] std::string note_no_responders(size_t subscription, std::string_view reply);
    // The limit of an auto-unsubscribe holds from here on. A 503 does not count.
    void acknowledge_max(size_t subscription);

    // At the end, when nothing is under way any more. `members_moved`: the server replaced queue
    // members that had gone, so their order may differ.
    [[nodiscard]] std::string check_end(bool members_moved) const;
    // Requests over the service that were answered.
    size_t service_answer_count() const { return service_answers_.size(); }
    // Subscriptions that the server must still hold.
    uint64_t live_subscription_count() const;

  private:
    std::string check_payload(const ReceivedMessage& message, uint32_t* publisher,
                              uint32_t* number) const;
    // Notes the way back that a responder is told of.
    std::string check_reply(const SubscriptionRecord& subscription, uint32_t publisher,
                            const PublishRecord& publish, std::string_view reply);
    // The subject under which the subscription may get that publish; empty: it may not. Permissions of the
    // subscriber left aside, as its server leaves them until it delivers.
    std::string subject_for(const SubscriptionRecord& subscription, uint32_t publisher,
                            const PublishRecord& publish) const;
    bool may_receive(const SubscriptionRecord& subscription, uint32_t publisher,
                     const PublishRecord& publish) const;
    // A group takes members from both accounts, as far as messages come by the stream; a service asks the
    // other account apart from its own.
    std::string group_of(const SubscriptionRecord& subscription, const PublishRecord& publish) const;
    bool must_receive(const SubscriptionRecord& subscription, uint32_t publisher,
                      const PublishRecord& publish) const;
    // It is there from `step` to the end for certain.
    bool is_steady(const SubscriptionRecord& subscription, uint64_t step) const;
    std::string check_plain_end(const SubscriptionRecord& subscription) const;
    std::string check_groups(uint32_t publisher) const;
    std::string check_requests(uint32_t publisher) const;
    // Publishes of the client that were surely handled.
    uint32_t certain_count(uint32_t publisher) const;
    std::string describe(const SubscriptionRecord& subscription) const;

    std::vector<ClientRecord> clients_;
    std::vector<SubscriptionRecord> subscriptions_;
    // What responders in AWAY were told, and what stands behind it in HOME.
    std::map<std::string, std::string, std::less<>> service_replies_;
    // The payload of the answer, by what its responder was told.
    std::map<std::string, std::string, std::less<>> service_answers_;
};

}  // namespace nuring::sim

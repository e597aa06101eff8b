// SPDX-License-Identifier: Apache-2.0
// What the clients of a simulated cluster must see.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/sim/oracle.h"

namespace nuring::sim {

// ClusterOracle judges a whole cluster from its history alone: what the clients sent and saw, when,
// and which faults there were. It asks the servers nothing.
//
// Always:
// - To a plain subscription the messages of one publisher come in order, none twice, none altered. But a
//   message that
//   a server finds no member of a queue group for any more goes on to another server, or back, as nats-server
//   does it, and the route protocol cannot say that it is for the group alone, nor who must not get it: plain
//   subscribers there have it again, and its publisher may be picked in spite of `echo: false`.
// - Of each queue group in the whole cluster one member at most gets a message.
// - Nothing comes after an acknowledged UNSUB, nor beyond the number of an auto-unsubscribe, nor from
//   another
//   account. A request is answered with 503 once at most.
// In peace, which is when for settle_ns before and after it nothing had disturbed the two servers:
// - A message that was published `settle_ns` or more after the SUB was confirmed arrives (on the same
//   server: after
//   the SUB was confirmed), unless UNSUB was sent, or the connection ended, before `settle_ns` had gone
//   by since.
// - A queue group with such a member, and none that came or went meanwhile in a disturbed way, gets it.
// - A request that such a subscription takes is not answered with 503; one that never had a taker is.
//
// Threads: one. Errors: note_... and check_end() return what is wrong, empty when all is well.
class ClusterOracle {
  public:
    static constexpr uint64_t kNever = UINT64_MAX;

    struct Publish {
        std::string subject;
        std::string reply;
        uint32_t payload_size = 0;
        uint64_t at_ns = 0;
        uint64_t handled_ns = kNever;  // a PING after it was answered
        uint32_t no_responders_count = 0;
        std::map<std::string, uint32_t> by_queue;
        std::set<size_t> receivers;  // subscriptions
    };
    struct Subscription {
        uint32_t client = 0;
        std::string sid;
        std::string pattern;
        std::string queue;
        uint64_t sent_ns = 0;
        uint64_t confirmed_ns = kNever;
        uint64_t unsubscribed_ns = kNever;  // UNSUB was sent
        bool unsubscribe_acknowledged = false;
        uint64_t max = 0;  // of an auto-unsubscribe; 0: none
        bool max_acknowledged = false;
        uint64_t limit = 0;
        uint64_t received = 0;
        std::map<uint32_t, uint32_t> next;  // by publisher
    };
    struct Client {
        uint32_t server = 0;
        uint32_t account = 0;
        bool echo = true;
        bool no_responders = false;
        uint64_t end_ns = kNever;              // of its connection, as far as anybody knows
        uint64_t stopped_reading_ns = kNever;  // for the first time
        uint64_t lag_ns = 0;                   // the most that a message was under way to it
        size_t inbox = SIZE_MAX;               // its subscription for answers
        std::vector<Publish> publishes;
    };

    // `clusters`: by server. Between clusters any server of either may be on the way, so that only
    // perfect peace counts; and what answers a request goes to the one that asked.
    ClusterOracle(uint64_t settle_ns, std::vector<uint64_t> clusters)
        : settle_ns_(settle_ns), clusters_(std::move(clusters)) {}

    uint32_t add_client(Client client);
    Client& client(uint32_t id) { return clients_[id]; }
    const std::vector<Client>& clients() const { return clients_; }
    size_t add_subscription(Subscription subscription);
    Subscription& subscription(size_t index) { return subscriptions_[index]; }
    const std::vector<Subscription>& subscriptions() const { return subscriptions_; }
    // Adds the publish and returns its payload.
    std::string add_publish(uint32_t client, Publish publish);
    // From `from` to `to` server a was not itself, or could not be reached from b; b == a: from anywhere.
    void add_disturbance(uint64_t from_ns, uint64_t to_ns, uint32_t a, uint32_t b);
    void add_disturbance_of_all(uint64_t from_ns, uint64_t to_ns);
    // Clients of the server may not subscribe to kDeniedSubjects in that time.
    void add_denial(uint64_t from_ns, uint64_t to_ns, uint32_t server);
    // -ERR: the server has ended the subscription, or refused it.
    [[nodiscard]] std::string note_denied(size_t subscription);

    [[nodiscard]] std::string note_message(size_t subscription, const ReceivedMessage& message,
                                           uint64_t now_ns);
    [[nodiscard]] std::string note_no_responders(uint32_t client, std::string_view reply);
    void acknowledge_max(size_t subscription);

    // At the end: every client that is left has read all that came.
    [[nodiscard]] std::string check_end();
    // A subscription that its server must hold at the end.
    bool is_live(const Subscription& subscription) const;
    // Messages that had to arrive, and how many of them passed between two servers.
    uint64_t demanded_count() const { return demanded_count_; }
    uint64_t demanded_afar_count() const { return demanded_afar_count_; }
    uint64_t demanded_of_groups_count() const { return demanded_of_groups_count_; }
    uint64_t received_count() const { return received_count_; }
    uint64_t refused_count() const { return refused_count_; }
    // Messages that came again with one for another queue member.
    uint64_t redirected_count() const { return redirected_count_; }

  private:
    struct Disturbance {
        uint64_t from_ns = 0;
        uint64_t to_ns = 0;
        bool is_of_all = false;
        uint32_t a = 0;
        uint32_t b = 0;
    };

    // The message, or the subscription, may have met a denial.
    bool may_be_denied(const Subscription& subscription, const Publish& publish) const;
    bool is_for(const Subscription& subscription, uint32_t publisher, const Publish& publish) const;
    // A member of a queue group was leaving, or a deny list kept the message from it.
    bool may_be_redirected(uint32_t publisher, const Publish& publish) const;
    bool at_peace(uint32_t a, uint32_t b, uint64_t from_ns, uint64_t to_ns) const;
    bool must_receive(const Subscription& subscription, uint32_t publisher,
                      const Publish& publish) const;
    // It may have been there when the message was, and what is chosen of its group may be lost with it.
    bool may_lose(const Subscription& subscription, uint32_t publisher,
                  const Publish& publish) const;
    std::string check_publish(uint32_t publisher, uint32_t number);
    std::string check_request(uint32_t publisher, uint32_t number, bool is_certain,
                              bool is_possible);
    std::string check_payload(const ReceivedMessage& message, uint32_t* publisher,
                              uint32_t* number) const;
    std::string describe(const Subscription& subscription) const;
    std::string describe(uint32_t publisher, uint32_t number) const;

    bool has_one_cluster() const;
    // An answer may take another way than other messages, and passes by those that only listen in.
    bool is_answer_of_others(const Subscription& subscription, const Publish& publish) const;

    const uint64_t settle_ns_;
    const std::vector<uint64_t> clusters_;
    std::vector<Client> clients_;
    std::vector<Subscription> subscriptions_;
    std::vector<Disturbance> disturbances_;
    std::vector<Disturbance> denials_;  // of server a
    uint64_t demanded_count_ = 0;
    uint64_t demanded_afar_count_ = 0;
    uint64_t demanded_of_groups_count_ = 0;
    uint64_t received_count_ = 0;
    uint64_t refused_count_ = 0;
    uint64_t redirected_count_ = 0;
};

}  // namespace nuring::sim

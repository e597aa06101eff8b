// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/account/account.h"
#include "core/auth/jwt_login.h"
#include "core/auth/permission_cache.h"
#include "core/auth/response_table.h"
#include "core/client/client_host.h"
#include "core/client/client_records.h"
#include "core/client/connection_snapshot.h"
#include "core/client/repeated_check.h"
#include "core/client/reply_memory.h"
#include "core/delivery/message_run.h"
#include "core/delivery/nats_link.h"
#include "core/delivery/shadow.h"
#include "core/interest/sid_table.h"
#include "core/interest/subscription.h"
#include "proto/client_parser.h"
#include "proto/connect.h"

namespace nuring::client {

class MoveBuffer;
struct MovedClient;

// Client is the link of a NATS client: what CONNECT, PUB, SUB and their like do, and how messages
// leave to it.
// Threads: its worker. Limits: ClientLimits.
// Errors:  as the protocol says, to this client only (client-protocol: -ERR texts and what closes).
// Source:  server/client.go 2.0.0-RC19; headers and no_responders as in 2.9.10.
class Client final : public delivery::NatsLink,
                     public delivery::Subscriber,
                     public delivery::Requestor {
  public:
    Client(ClientHost& clients, int fd);
    // One that has come over WebSocket.
    Client(ClientHost& clients, link::Handover&& connection,
           std::unique_ptr<const ClientUpgrade> upgrade);
    // One that comes from another worker; arrive() follows.
    Client(ClientHost& clients, MovedClient&& moved);
    ~Client() override;

    // Goes on where the other worker has stopped. Reading waits for resume(kHandover).
    // `buffer`: has its subscriptions; null: it has none.
    void arrive(const MovedClient& moved, MoveBuffer* buffer);
    // Moves to that worker as soon as none of its requests to the ring is under way; false: it may not.
    bool move(base::WorkerId to);
    // While it leaves with subscriptions: that worker delivers to the new ones from now on.
    void note_switched(base::WorkerId worker);

    // Sends INFO, or refuses the connection, and starts reading.
    void greet();

    uint32_t deliver(interest::Subscription& subscription, const delivery::MessageRun& run,
                     base::LinkHandle origin) override;
    bool accepts(const interest::Subscription& subscription,
                 base::LinkHandle origin) const override;

    // There are more clients than the server may have.
    bool is_excess(int64_t clients) const;
    void refuse_excess();

    void on_reload() override;
    void on_account_changed() override;
    void announce_lame_duck() override;
    // Whether it knows what to do with an INFO in between, and has seen the first PONG.
    bool takes_info() const { return open() && connected_ && ponged_ && connect_.protocol >= 1; }
    // Sends INFO after a change of the cluster.
    void announce_cluster();

    account::Account& account() const { return *account_; }
    // Is it one of the connections that its account may have?
    bool counts_for_account() const { return joined_ && open(); }
    // A client with TLS must show one of these certificates, if there are any; else it is closed.
    void close_unless_pinned(const std::vector<std::string>& pins);
    // Closed if the account has more than those; of those that count, the youngest are to be asked.
    void close_if_excess();
    size_t subscription_count() const { return subscriptions_.size(); }
    std::string request_info(bool detailed, std::string_view service) const override;
    // The user that it has logged in as; null before CONNECT, and where no login is required.
    const auth::Identity* identity() const { return identity_.get(); }
    const interest::SidTable& subscriptions() const { return subscriptions_; }
    // The nkey or user name of its CONNECT; a token is not shown. May be empty.
    std::string_view user() const;
    // The token of operator mode that it came with.
    std::string_view jwt() const;
    std::string_view name() const { return connect_.text(proto::ConnectText::kName); }
    bool is_websocket() const { return upgrade_ != nullptr; }
    std::string label() const override;

    // --- plain copies for the monitor; wall_ns is the time now
    void copy_numbers(uint64_t wall_ns, ConnectionSnapshot* out) const;
    void copy_texts(ConnectionSnapshot* out) const;
    void copy_certificates(ConnectionSnapshot* out) const;
    // About `most` subscriptions from `position` (0 at first) on; returns where to go on, 0 at the end.
    size_t copy_subscriptions(size_t position, size_t most,
                              std::vector<SubscriptionSnapshot>* out) const;

    // After its permissions have changed: checks about `most` of its subscriptions. True: all are checked.
    bool check_subscriptions(size_t most);

  private:
    // Link
    size_t consume(const char* begin, const char* end) override;
    void on_close() override;
    bool release(size_t most) override;
    void on_parked() override;
    void hand_over(link::Handover&& connection) override;
    void on_handover_late() override { cancel_handover(); }
    bool on_handshake_begun() override;
    void on_handshake_done() override;
    void on_handshake_failed(std::string_view error) override;

    // A publish or SUB that was parsed, not carried out yet.
    struct Parsed {
        bool is_publish() const { return operation.verb <= proto::ClientVerb::kHeaderPublish; }
        // All of the run's messages, which have been cut to what finds room by the time that they are.
        size_t consumed_bytes() const {
            return is_publish() ? run.count * operation.consumed : operation.consumed;
        }

        proto::ClientOperation operation;
        delivery::MessageRun run;
        uint64_t hash = 0;
    };
    // Operations parsed ahead of the one carried out: by the time a match is looked up, its memory has
    // been asked for. More than what a cache miss lasts gains nothing.
    static constexpr size_t kAheadMax = 8;

    struct Ahead {
        size_t count = 0;             // of publishes and SUBs
        bool has_other_verb = false;  // behind them
        // Of the last operation that was parsed; it stands at `count`, unless it is counted.
        proto::ParseStatus status = proto::ParseStatus::kOperation;
    };
    // Parses up to kAheadMax publishes and SUBs into `batch`, or as far as another verb. `scanned`: bytes at
    // the start that are known to hold no line end.
    Ahead parse_ahead(const char* at, const char* end, size_t scanned, Parsed* batch);
    // Moves *at behind what is done. False: the link was paused or closed before the end.
    bool perform_ahead(std::span<Parsed> batch, const char** at);

    // One verb each. publish() returns false when the link was paused before it.
    bool publish(Parsed& publish);
    bool publish_rewritten(Parsed& publish);
    bool publish_run(Parsed& publish);
    bool publish_matched(Parsed& publish);
    bool answer_gateway(Parsed& publish, const proto::ReplyOrigin& origin);
    bool answer_hubs(Parsed& publish, delivery::MessageRun run);
    bool publish_to_lone(Parsed& publish, const interest::MatchEntry& entry);
    bool publish_to_services(Parsed& publish, const interest::MatchEntry& entry);
    bool map_subject(Parsed* publish, std::string* mapped);
    bool may_announce(const proto::ClientOperation& operation);
    void look_ahead(std::span<Parsed> batch);
    void perform(const proto::ClientOperation& operation);
    void connect(std::string_view json);
    auth::Decision decide() const;
    void ask_job(const auth::Decision& decision, bool first_time);
    auth::JwtLogin jwt_login() const;
    void ask_jwt_job(std::string account, bool first_time);
    void on_jwt_verdict(const auth::JwtVerdict& verdict, bool first_time);
    void end_login(std::string_view text, link::CloseReason reason);
    void arm_claimed_expiry();
    void arm_expiry();
    void await_login();
    void on_no_hello();
    void welcome_again(std::shared_ptr<const auth::Identity> identity);
    void finish_connect(std::shared_ptr<const auth::Identity> identity);
    void refuse_credentials();
    bool admit_anonymous(char first_byte);
    void subscribe(const proto::ClientOperation& operation);
    void unsubscribe(const proto::ClientOperation& operation);
    void ping();
    void arm_first_ping();
    void remember_closed();

    void find_run(const char* begin, const char* end, Parsed* publish) const;
    bool refuses_headers(const proto::ClientOperation& operation);
    void check_literal(std::string_view subject);
    enum class [[nodiscard]] Permit : uint8_t{kGranted, kSubjectDenied, kReplyDenied};
    bool needs_no_permit(const Parsed& publish) const;
    Permit permit_of(const Parsed& publish);
    bool is_reserved(std::string_view subject) const;
    bool is_foreign_reply(std::string_view subject) const;
    bool permits_answer(std::string_view subject);
    bool breaks_lines(std::string_view name) const;
    void refuse_publish(const Parsed& publish, Permit permit);
    void begin_publish(const Parsed& publish, const interest::MatchEntry* entry);
    void drop_mapped(const Parsed& publish);
    void note_heavy(const interest::MatchEntry& entry, uint32_t bytes_each);
    void send_no_responders(const delivery::MessageRun& run);
    bool takes_here(const interest::Subscription& subscription, const delivery::MessageRun& run);
    uint32_t deliver_jetstream(interest::Subscription& subscription,
                               const delivery::MessageRun& run);
    uint32_t append_run(interest::Subscription& subscription, const delivery::MessageRun& run);
    void append_frames(const interest::Subscription& subscription, const delivery::MessageRun& run,
                       uint32_t count);
    bool append_shared(const interest::Subscription& subscription, const delivery::MessageRun& run,
                       uint32_t count);
    void append_stamped(const interest::Subscription& subscription, const delivery::MessageRun& run,
                        uint32_t count);
    void append_stripped(interest::Subscription& subscription, const delivery::MessageRun& run,
                         uint32_t count);
    bool fits_pending(uint64_t bytes) const {
        return outbound_.pending_bytes() + bytes <= host_.limits().max_pending_bytes;
    }

    bool is_watched_with(uint64_t bytes) const {
        return outbound_.pending_bytes() + bytes > host_.limits().watched_bytes;
    }

    void remove(interest::Subscription* subscription) {
        remove(subscription, subscriptions_.key(subscription->sid()));
    }
    // `sid_key` is the key of its sid.
    void remove(interest::Subscription* subscription, const interest::SidTable::Key& sid_key);
    void bind(std::shared_ptr<const auth::Identity> identity);
    void join(account::Account& account);
    void leave_account();
    void refuse_by_account();
    struct OwnLimits {  // negative: unlimited
        int64_t payload;
        int64_t subscriptions;
    };
    OwnLimits own_limits() const;
    void apply_limits();
    void report_overridden_limits() const;
    void update_shadows(interest::Subscription& subscription);
    void drop_subscriptions();
    void find_members();
    void drop(std::vector<interest::Subscription*>& some);
    [[gnu::noinline]] bool permits_publish(std::string_view subject);
    bool has_response(std::string_view subject);
    void forget_responses(const auth::Permissions* next);
    void use_response(std::string_view subject);
    bool permits_receive(const interest::Subscription& subscription, std::string_view subject);
    void note_reply(std::string_view reply);
    void track_reply(const delivery::MessageRun& run);
    void report_tracked(std::string_view subject);
    void report_publish_violation(std::string_view part, std::string_view quoted,
                                  std::string_view error);
    std::string who() const;
    void send_info(bool lame_duck = false);
    void send_ok();
    void refuse(proto::ParseStatus status, const proto::ClientOperation& operation,
                const char* begin, const char* end);
    void trace_in(const proto::ClientOperation& operation);
    void trace_payload(const proto::ClientOperation& operation);

    void keep_alive();
    void on_expiry();

    // --- moving (client_move.cc)
    bool may_move() const;
    bool may_move_subscriptions() const;
    void take_copies(const MovedClient& moved, const MoveBuffer& buffer);
    void drop_originals();
    // Notes which worker so many published messages go to; may decide that the client moves there.
    void watch_audience(const interest::MatchResult& matched, uint32_t count);
    void watch_target(base::WorkerId target, uint32_t count);
    // One watch of what the client publishes and gets: `hits` of the messages went to the target alone, or
    // came from there.
    struct Audience {
        uint64_t since_ns = 0;
        uint64_t worker_messages = 0;  // of all clients of this worker, by then
        uint64_t messages = 0;         // published, and delivered to it; 0: nothing is watched
        uint64_t published = 0;        // of them
        uint64_t hits = 0;
        base::WorkerId target{};       // of the first message
        uint64_t watch_ns = 0;
    };
    // While it leaves with subscriptions; also when it has been closed meanwhile.
    struct Departure {
        uint64_t settings_serial = 0;  // of the settings that it was last checked against
        interest::WorkerSet switched;  // deliver to the new ones
        std::vector<interest::Subscription*> subscriptions;
        std::array<uint64_t, kMovedSubscriptionsMax> delivered{};  // to each, as they were dropped
    };

    // The fields that only the login by a user token needs.
    struct Claimed {
        explicit Claimed(Client& client) : expiry_timer(client) {}
        runtime::OwnedTimer<Client, &Client::on_expiry> expiry_timer;
    };
    Claimed& claimed();

    // The server's, or those of the WebSocket port.
    const auth::Authenticator& authenticator() const;
    uint64_t auth_timeout_ns() const;
    uint64_t ping_interval_ns() const;
    void start_upgraded();
    void fill_from_cookies();

    ClientHost& clients_;
    const std::unique_ptr<const ClientUpgrade> upgrade_;  // null: it has come to the client port
    account::Account* account_;
    const account::SubjectMap* mappings_ = nullptr;  // of the account, as of this batch of input
    proto::ClientParseLimits parse_limits_;          // the server's, or the account's if less
    interest::SidTable subscriptions_;
    uint32_t member_count_ = 0;  // of them: in queue groups
    std::vector<interest::Subscription*> members_;  // when it has closed: those that were not released yet
    int64_t subscriptions_max_ = config::kUnlimited;
    std::unique_ptr<delivery::Shadows> shadows_;  // null as long as it has none
    proto::ConnectOptions connect_;
    class PasswordJob;
    class JwtJob;
    std::shared_ptr<const auth::Identity> identity_;  // null: nobody in particular
    const auth::Permissions* permissions_ = nullptr;  // of identity_; null: everything
    auth::PermissionCache publishable_;               // answers of permissions_
    auth::PermissionCache receivable_;                // those for filtered subscriptions
    std::unique_ptr<auth::ResponseTable> responses_;  // allow_responses
    std::unique_ptr<ReplyOrigins> reply_origins_;     // null: no request came from another cluster
    std::unique_ptr<TrackedReplies> tracked_replies_;  // null: no server measures its answers
    std::unique_ptr<Claimed> claimed_;
    std::string nonce_;
    bool connected_ = false;
    bool admitted_ = false;  // may do more than CONNECT
    bool counted_ = false;  // among the server's clients
    bool greeted_ = false;  // with INFO
    bool ponged_ = false;   // has had a PONG: before, an INFO of its own accord may surprise it
    bool joined_ = false;   // counted among its account's connections
    runtime::OwnedTimer<Client, &Client::keep_alive> keep_alive_timer_{*this};
    // The serial, for its kind of URLs, of the ClusterView in the last INFO.
    uint64_t sent_view_ = 0;
    Audience audience_;
    base::WorkerId move_to_{};
    bool move_due_ = false;        // to there, at the end of this batch of input
    uint32_t move_permille_ = 0;   // the part of a worker that it takes, about
    uint64_t rests_until_ns_ = 0;  // does not move before, of its own accord
    std::unique_ptr<Departure> departure_;  // null: it does not leave
    uint32_t verdicts_due_ = 0;    // jobs that check its login
    RepeatedCheck token_check_;    // after a change of claims
    size_t check_position_ = 0;    // in subscriptions_: those before are checked against the permissions
    bool is_checking_ = false;     // the others are not yet
};

// The link as a client; null: there is none, or it is of another kind.
inline Client* as_client(link::Link* link) {
    return link != nullptr && link->kind() == proto::Kind::kClient ? static_cast<Client*>(link)
                                                                   : nullptr;
}
inline const Client* as_client(const link::Link* link) {
    return link != nullptr && link->kind() == proto::Kind::kClient
               ? static_cast<const Client*>(link)
               : nullptr;
}

}  // namespace nuring::client

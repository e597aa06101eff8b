// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
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
#include "core/interest/match_cache.h"
#include "core/interest/sid_table.h"
#include "core/interest/subscription.h"
#include "core/link/connection_snapshot.h"
#include "core/link/link.h"
#include "core/link/message_run.h"
#include "core/link/shadow.h"
#include "core/link/worker_links.h"
#include "proto/client_parser.h"
#include "proto/connect.h"

namespace nuring::link {

// Client is the link of a NATS client: what CONNECT, PUB, SUB and their like do, and how messages
// leave to it.
// Threads: its worker. Limits: LinkLimits.
// Errors:  as the protocol says, to this client only (client-protocol: -ERR texts and what closes).
// Source:  server/client.go 2.0.0-RC19; headers and no_responders as in 2.9.10.
class Client final : public Link {
  public:
    Client(WorkerLinks& links, int fd);
    ~Client() override;

    // Sends INFO, or refuses the connection, and starts reading.
    void greet();

    uint32_t deliver(interest::Subscription& subscription, const MessageRun& run) override;
    bool accepts(const interest::Subscription& subscription, base::LinkHandle origin) const override;

    // Takes back subscriptions.
    bool release(size_t most) override;

    // There are more clients than the server may have.
    void refuse_excess();

    void on_reload() override;
    void on_account_changed() override;
    void announce_lame_duck() override;
    // What is known of the cluster has changed.
    void announce_cluster();

    account::Account& account() const { return *account_; }
    size_t subscription_count() const { return subscriptions_.size(); }
    uint64_t rtt_ns() const { return rtt_ns_; }
    uint64_t last_activity_ns() const { return last_activity_ns_; }
    // What a service in another account is told of it, as JSON: its account and round trip time, with
    // `detailed` (an import's `share`) also who it is. `service`: the account in between, if there is one.
    std::string request_info(bool detailed, std::string_view service) const;
    // Who it has shown to be; null before CONNECT, and where nobody has to.
    const auth::Identity* identity() const { return identity_.get(); }
    const interest::SidTable& subscriptions() const { return subscriptions_; }
    // Who it says it is: nkey or user; a token is not shown. May be empty.
    std::string_view user() const;
    // The token of operator mode that it came with.
    std::string_view jwt() const;
    std::string_view name() const { return connect_.text(proto::ConnectText::kName); }

    // --- plain copies for the monitor; wall_ns is the time now
    void copy_numbers(uint64_t wall_ns, ConnectionSnapshot* out) const;
    void copy_texts(ConnectionSnapshot* out) const;
    void copy_certificates(ConnectionSnapshot* out) const;
    // About `most` subscriptions from `position` (0 at first) on; returns where to go on, 0 at the end.
    size_t copy_subscriptions(size_t position, size_t most,
                              std::vector<SubscriptionSnapshot>* out) const;
    // Sends a PING if the round trip time is not known yet and the client is a real one.
    void ask_rtt();

  private:
    // Link
    size_t consume(const char* begin, const char* end) override;
    void on_close() override;
    bool on_handshake_begun() override;
    void on_handshake_done() override;
    void on_handshake_failed(std::string_view error) override;

    // A publish or SUB that was parsed, not carried out yet.
    struct Parsed {
        bool is_publish() const { return operation.verb <= proto::ClientVerb::kHeaderPublish; }

        proto::ClientOperation operation;
        MessageRun run;
        uint64_t hash = 0;
        size_t size = 0;  // bytes of input
    };
    // Operations parsed ahead of the one carried out: by the time a match is looked up, its memory has
    // been asked for. More than what a cache miss lasts gains nothing.
    static constexpr size_t kAheadMax = 8;

    // One verb each. publish() returns false when the link was paused before it.
    bool publish(Parsed& publish);
    bool publish_to_services(Parsed& publish, const interest::MatchEntry& entry);
    bool map_subject(Parsed* publish);
    void count_in(Parsed* publish);
    void look_ahead(std::span<Parsed> batch);
    void perform(const proto::ClientOperation& operation);
    void connect(std::string_view json);
    auth::Decision decide() const;
    void ask_job(const auth::Decision& decision, bool first_time);
    void ask_jwt_job(std::string account, bool first_time);
    void on_jwt_verdict(const auth::JwtVerdict& verdict, bool first_time);
    void end_login(std::string_view text, CloseReason reason);
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
    void send_ping();
    void pong();
    void remember_closed();

    void find_run(const char* begin, const char* end, Parsed* publish) const;
    void normalise_tail(const proto::ClientOperation& operation, MessageRun* run);
    bool refuses_headers(const proto::ClientOperation& operation);
    void check_literal(std::string_view subject);
    bool may_publish(const Parsed& publish);
    const interest::MatchEntry& match(const Parsed& publish);
    void note_heavy(const interest::MatchEntry& entry, uint32_t bytes_each);
    void send_no_responders(std::string_view reply);
    void append_stripped(interest::Subscription& subscription, const MessageRun& run,
                         uint32_t count);
    bool fits_pending(uint64_t bytes) const {
        return outbound_.pending_bytes() + bytes <= links_.limits.max_pending_bytes;
    }

    void remove(interest::Subscription* subscription);
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
    void drop_members();
    void drop(std::vector<interest::Subscription*>& some);
    bool permits_publish(std::string_view subject);
    bool permits_receive(const interest::Subscription& subscription, std::string_view subject);
    void note_reply(std::string_view reply);
    void report_publish_violation(std::string_view part, std::string_view quoted,
                                  std::string_view error);
    std::string who() const;
    void send_info(bool lame_duck = false);
    void send_ok();
    void send_error(std::string_view text);
    void refuse(proto::ParseStatus status, const proto::ClientOperation& operation,
                const char* begin, const char* end);
    void refuse_control_line();
    void trace_in(const proto::ClientOperation& operation);
    void trace_out(std::string_view head, const MessageRun& run);

    static void keep_alive_fired(runtime::Timer& timer);
    static void expiry_fired(runtime::Timer& timer);
    void keep_alive();

    struct ClientTimer : runtime::Timer {
        ClientTimer(FireFunction function, Client& client) : Timer(function), owner(client) {}
        Client& owner;
    };

    // What a user token brings along that others do not need.
    struct Claimed {
        explicit Claimed(Client& client) : expiry_timer(&expiry_fired, client) {}
        ClientTimer expiry_timer;
    };
    Claimed& claimed();

    account::Account* account_;
    const account::SubjectMap* mappings_ = nullptr;  // of the account, as of this batch of input
    proto::ClientParseLimits parse_limits_;          // the server's, or the account's if less
    interest::SidTable subscriptions_;
    uint32_t member_count_ = 0;  // of them: in queue groups
    int64_t subscriptions_max_ = config::kUnlimited;
    std::unique_ptr<Shadows> shadows_;  // null as long as it has none
    proto::ConnectOptions connect_;
    class PasswordJob;
    class JwtJob;
    std::shared_ptr<std::atomic<bool>> login_ended_;  // tells a job under way that nobody waits for it
    struct Response {
        int64_t left;
        uint64_t expires_ns;
    };

    std::shared_ptr<const auth::Identity> identity_;      // null: nobody in particular
    const auth::Permissions* permissions_ = nullptr;      // of identity_; null: everything
    auth::PermissionCache publishable_;                   // answers of permissions_
    auth::PermissionCache receivable_;                    // those for filtered subscriptions
    std::unique_ptr<absl::flat_hash_map<std::string, Response>> responses_;  // allow_responses
    std::unique_ptr<Claimed> claimed_;
    std::string nonce_;
    bool connected_ = false;
    bool admitted_ = false;  // may do more than CONNECT
    bool counted_ = false;  // among the server's clients
    bool greeted_ = false;  // with INFO
    bool ponged_ = false;   // has had a PONG: before, an INFO of its own accord may surprise it
    bool joined_ = false;   // counted among its account's connections
    bool tracing_ = false;  // as of this batch of input
    interest::MatchMemo memo_;
    ClientTimer keep_alive_timer_;
    uint64_t told_view_ = 0;  // serial of the ClusterView that the last INFO showed
    uint64_t last_activity_ns_ = 0;
    uint64_t ping_sent_ns_ = 0;
    uint64_t rtt_ns_ = 0;
    int pings_out_ = 0;
};

}  // namespace nuring::link

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/account/account.h"
#include "core/auth/authenticator.h"
#include "core/config/options.h"
#include "core/delivery/deliver.h"
#include "core/delivery/delivery.h"
#include "core/delivery/message_run.h"
#include "core/delivery/remote_server.h"
#include "core/delivery/server_link_snapshot.h"
#include "core/link/stranger_list.h"
#include "core/runtime/owned_timer.h"
#include "core/server_link/compression.h"
#include "core/server_link/interest_sync.h"
#include "core/server_link/link_target.h"
#include "core/server_link/remote_interest.h"
#include "proto/info.h"
#include "proto/kind.h"
#include "proto/route_dialect.h"
#include "proto/route_parser.h"

namespace nuring::server_link {

// The constants of a kind: its dialect and its words in log lines.
struct LinkTraits {
    proto::Kind kind;
    proto::RouteDialect dialect;
    std::string_view type;     // "Router": "Router parser ERROR", "Stale Router Connection"
    std::string_view noun;     // "Route": "Route Error 'text'"
    std::string_view channel;  // "route": "TLS route handshake error"
    // An answer that another server of this cluster waits for is passed on to it.
    bool passes_answers = false;
    // Likewise one that another cluster waits for.
    bool leads_answers_on = false;
    // Both ends announce all that they want: each has to read while its own announcement waits for room.
    bool both_announce = false;
};

// TLS of one link, from the first byte on or later. Both profiles null: clear text.
struct ChannelSetup {
    std::shared_ptr<const tls::Profile> acceptor;
    std::shared_ptr<const tls::Profile> dialer;
    std::string server_name;  // of the certificate, when dialed; empty: the target's host
    uint64_t timeout_ns = 0;
    std::vector<std::string> pinned_certificates;
};

// How often this side sends PING.
struct KeepAlive {
    uint64_t first_ns;     // after the login; up to a fifth more, at random
    uint64_t interval_ns;  // always, whatever the traffic
    int outstanding_max;   // PINGs without a PONG; one more closes the link
};

// ServerLink is a link to another server, of any kind: route, gateway or leafnode. It holds what the kinds do
// alike; a kind overrides the functions below to add what only it does.
//
//   greet() of the kind
//     -> open_channel()      clear text, or TLS at either end   -> on_channel_ready()
//     -> await_login()       nothing but CONNECT passes         -> on_connect() -> login() -> on_logged_in()
//     -> send_info(), on_info(): the kind decides when the other server is known
//     -> serve()             registered: takes interest and messages, announces, is listed for delivery
//     -> close()             interest is released in slices
//
// The interest of the other server stands in the sublists here (RemoteInterest); that of this server is
// announced (InterestSync, announce()). Messages come in and leave in the kind's dialect of the protocol.
//
// Threads: its worker.
// Limits:  until serve(): a control line of kStrangerLineMax with, kGuestLineMax without credentials asked
//          for, and the worker's list of strangers; from then on kControlLineMax, and no limit for payloads,
//          as in the reference. Outbound frames obey max_pending, the sync a quarter of it. Of the other
//          server's interest as much is read per turn as InterestGate allows.
// Errors:  the texts of proto/error_text.h, to the other server; then the link is closed.
// Source:  server/client.go, route.go, gateway.go and leafnode.go, 2.0.0-RC19 to 2.15.
//          server_link.cc: set-up, verbs, keep-alive, end; server_link_login.cc: credentials;
//          server_link_messages.cc: messages, both ways; server_link_interest.cc: interest, both ways.
class ServerLink : public delivery::RemoteServer {
  public:
    static constexpr uint32_t kStrangerLineMax = 16 * 1024;
    static constexpr uint32_t kGuestLineMax = 64 * 1024;
    static constexpr uint32_t kControlLineMax = 1024 * 1024;

    ~ServerLink() override;

    // The login by one configured user, as routes and gateways have it.
    struct LoginRule {
        const config::LinkAuthorization& wanted;
        bool maps_certificate =
            false;  // the certificate names that user; the password does not count
        // Where given, a DNS name of the certificate that is a host of these will do, too.
        std::optional<std::vector<config::Url>> known_urls = std::nullopt;

        bool reads_certificate() const { return maps_certificate || known_urls.has_value(); }
        bool asks_for_credentials() const { return reads_certificate() || !wanted.user.empty(); }
        // True if both let the same peers in.
        bool is_like(const LoginRule& other) const {
            return wanted.user == other.wanted.user && wanted.password == other.wanted.password &&
                   maps_certificate == other.maps_certificate && known_urls == other.known_urls;
        }
    };

    const std::optional<LinkTarget>& target() const { return target_; }
    bool is_solicited() const { return target_.has_value(); }
    bool serving() const { return serving_; }
    const std::string& remote_id() const { return remote_id_; }
    const std::string& remote_name() const { return remote_name_; }
    const RemoteInterest& remote_interest() const { return remote_interest_; }

    // One line about interest. Never closes: the caller may be in the middle of a delivery, or hold a lock of
    // the sublist.
    void send_interest_line(std::string_view line);

    // Tells the other server something about a third one.
    void report(const proto::ServerInfo& info) {
        if (serving_ && speaks_for_remote()) send_info(info);
    }

    // After a reload: closes the link if the other server's certificate is none of these. Clear text stays.
    void close_unless_pinned(const std::vector<std::string>& pins);

    // --- delivery::RemoteServer, link::Link
    void deliver_to_server(account::Account& account, const delivery::MessageRun& run,
                           std::string_view queues) override;
    bool may_take(account::Account& account, std::string_view subject) override {
        return open() && may_leave(account, subject);
    }
    void announce(account::Account& account, std::string_view pattern,
                  std::string_view queue) override;
    bool send_interest_slice() final;
    void copy(uint64_t wall_ns, size_t subscriptions,
              delivery::ServerLinkSnapshot* out) const override;
    void on_reload() override {}
    void on_account_changed() override {}

    // --- of InterestSync
    bool has_room_for_sync() const;
    // Announces one slice of the account's sublist; returns how many lines that were.
    virtual size_t announce_slice(account::Account& account, uint32_t slice);

  protected:
    ServerLink(delivery::Delivery& delivery, int fd, const LinkTraits& traits,
               std::optional<LinkTarget> target);
    // Over a connection whose HTTP upgrade is done.
    ServerLink(delivery::Delivery& delivery, link::Handover&& connection, const LinkTraits& traits,
               std::optional<LinkTarget> target);

    // --- set-up ----------------------------------------------------------------------------------------
    // Starts the link: TLS first where `setup` has profiles. on_channel_ready() follows, at once or when
    // the handshake is done.
    void open_channel(const ChannelSetup& setup);
    // Starts TLS in a link that has begun in clear text: on_channel_ready() follows (again).
    void upgrade_channel(const ChannelSetup& setup);
    // Accepted: TLS with the first byte, if it comes within that time; else on_no_hello(), and TLS after
    // what is sent there.
    void await_hello_for(const ChannelSetup& setup, uint64_t wait_ns);
    virtual void on_no_hello() {}
    virtual void on_channel_ready() = 0;
    // Counts an accepted link among the strangers until serve() or its end.
    void join_strangers(link::StrangerList& strangers);
    // Registered: from now on interest and messages pass, and this server's interest is announced to it.
    void serve(std::string remote_id, std::string remote_name);

    void send_info(const proto::ServerInfo& info, std::string_view before_line_end = {});
    void send_connect(std::string_view json);
    // Closes the link later, when the other server has had time to say more.
    void close_after(link::CloseReason reason, uint64_t delay_ns);
    // 11 random bytes as 15 characters, the same for the life of the link.
    const std::string& nonce();

    // --- verbs -----------------------------------------------------------------------------------------
    // The JSON of a CONNECT; of a dialed link, too, where it means nothing.
    virtual void on_connect(std::string_view json) = 0;
    virtual void on_info(const proto::ServerInfo& info) = 0;
    virtual void on_error(std::string_view text);
    virtual void on_pong() {}
    // RS+ LS+ RS- LS-; the default keeps them in remote_interest_. Only while serving.
    virtual void on_subscribe(const proto::RouteOperation& operation);
    virtual void on_unsubscribe(const proto::RouteOperation& operation);
    // A+ A-: means something to gateways.
    virtual void on_account_interest(const proto::RouteOperation& /*operation*/,
                                     bool /*is_wanted*/) {}
    virtual KeepAlive keep_alive_rule() const;
    // May PINGs be sent? Not before the two ends have agreed on compression: nothing may come in between. A
    // link that stays silent until then is stale all the same.
    virtual bool may_ping() const { return true; }
    // Of several links to one server: is this the one for lines that the server gets once?
    virtual bool speaks_for_remote() const { return true; }
    // The address of the other server's listener, for the log; empty: not known.
    virtual std::string far_address() const;
    // Closing, after the log line, before the interest is released.
    virtual void on_ended() = 0;
    bool release(size_t most) override;

    // --- login -----------------------------------------------------------------------------------------
    // Credentials are asked for. Until on_logged_in() nothing but CONNECT passes; the time for it is limited.
    void await_login(uint64_t timeout_ns);
    bool awaits_login() const { return login_ == Login::kAwaited || login_ == Login::kChecked; }
    // None are: keep-alive begins.
    void skip_login();
    bool logged_in() const { return login_ == Login::kDone; }
    // A job compares its password.
    bool login_is_checked() const { return login_ == Login::kChecked; }
    // May interest and messages pass? Some kinds let them before serve().
    virtual bool takes_traffic() const { return serving_; }
    auth::Decision decide(const LoginRule& rule, std::string_view user,
                          std::string_view password) const;
    // Acts on a decision: accepted or refused at once, or after a job, while the link reads nothing.
    // `user` is for the log of a refusal. A verdict of kJwt is the kind's.
    void login(const auth::Decision& decision, std::string_view user);
    void refuse_login(std::string_view user);
    void accept_login(std::shared_ptr<const auth::Identity> identity);
    virtual void on_logged_in(std::shared_ptr<const auth::Identity> /*identity*/) {}
    // The verbs that may come before CONNECT where credentials are required.
    virtual bool may_precede_login(proto::RouteVerb /*verb*/) const { return false; }

    // --- compression -----------------------------------------------------------------------------------
    // While an INFO is handled: what comes behind it is compressed, and so is what is queued from now on.
    // Blocks are small until serve() where the other end has not logged in yet.
    void begin_compression(Compression level);
    // Not compressed, and why.
    void set_compression(Compression compression) { compression_ = compression; }
    Compression compression() const { return compression_; }
    // Another level, of a link that compresses already.
    void change_level(Compression level);
    // After a PONG: the level of s2_auto.
    void adapt_level(const config::CompressionOptions& own);
    // Other settings: another level is a local matter; to begin or to end, the two have to agree again, and
    // the link is closed.
    void apply_compression(const config::CompressionOptions& before,
                           const config::CompressionOptions& now);
    // Since the connection was made, or of the last PING.
    uint64_t rtt_for_compression_ns() const;

    // --- interest --------------------------------------------------------------------------------------
    // The account of an operation; null: not known here. The default: by name; in operator mode created.
    virtual account::Account* account_of(const proto::RouteOperation& operation);
    account::Account* find_account(std::string_view name);
    // The cluster of leafnodes whose interest an operation is about; empty: none.
    virtual std::string_view origin_of(const proto::RouteOperation& /*operation*/) const { return {}; }
    // Looks at all that the other server wants again, in slices, of which one at once: what keeps_interest()
    // refuses goes.
    void sweep_interest();
    virtual bool keeps_interest(account::Account& /*account*/, interest::Subscription& /*subscription*/) {
        return true;
    }
    // The link has closed, and what it kept of that one goes.
    virtual void on_interest_released(const interest::Subscription& /*subscription*/) {}
    // All of that account goes, likewise, but for its groups.
    void remove_plain_interest(account::Account& account);
    // All of it goes; then() follows, at once if it was little.
    void remove_interest(account::Account& account, std::function<void()> then);
    // May the other server have messages of that pattern?
    virtual bool may_export(account::Account& /*account*/, std::string_view /*pattern*/) {
        return true;
    }
    // Is this server's interest in that pattern announced over this link?
    virtual bool may_import(account::Account& /*account*/, std::string_view /*pattern*/) {
        return true;
    }
    // May that one message leave?
    virtual bool may_leave(account::Account& /*account*/, std::string_view /*subject*/) {
        return true;
    }
    // Does this link announce that account at all?
    virtual bool carries(account::Account& /*account*/) const { return true; }
    // The interest of this server in a pattern, for announce().
    virtual size_t wanted(account::Account& account, std::string_view pattern,
                          std::string_view queue);
    // One line: `count` members of the queue, or plain subscriptions; 0: none any more.
    virtual void send_interest(account::Account& account, std::string_view pattern,
                               std::string_view queue, size_t count);
    // The line itself; `origin`: a cluster of leafnodes.
    void write_interest(account::Account& account, std::string_view pattern, std::string_view queue,
                        size_t count, std::string_view origin);
    // Announces everything of the accounts that the link carries, in slices. A PONG says that all was
    // announced: while this runs, PINGs wait, and nothing is read (LinkTraits::both_announce).
    void begin_sync();
    // Of that account alone, if no other sync runs.
    void begin_sync(account::Account& account);
    virtual void on_synced() {}

    // --- messages --------------------------------------------------------------------------------------
    struct Inbound {
        account::Account* account;
        delivery::MessageRun run;
        delivery::Publisher publisher;
    };
    // A message of that size has begun. False: the link was closed.
    virtual bool admits_payload(uint64_t /*bytes*/) { return true; }
    // Before an inbound message is matched: the kind may change what it is, or drop it (false).
    virtual bool admit_message(const proto::RouteOperation& /*operation*/, Inbound* /*message*/) {
        return true;
    }
    // Likewise for an answer to a request from another cluster (proto/gateway_reply.h).
    virtual bool admit_answer(const proto::RouteOperation& /*operation*/, Inbound* /*message*/) {
        return true;
    }
    // It goes on. (What was admitted may have to wait for room first, and is admitted again then.)
    virtual void on_accepted(std::string_view /*subject*/) {}
    // By which inbound messages of that account change their subject; null: they keep it.
    virtual const account::SubjectMap* mappings_of(const account::Account& /*account*/) const {
        return nullptr;
    }
    // How a request that came over the link is described to a service of another account; null: it is not.
    virtual const delivery::Requestor* requestor() const { return nullptr; }
    // An outbound message in the link's dialect. `origin` makes it an LMSG.
    struct Outgoing {
        account::Account& account;
        const delivery::MessageRun& run;
        std::string_view subject;  // instead of the run's, where a kind maps it
        std::string_view queues = {};
        std::string_view origin = {};
        std::string_view reply_prefix = {};  // before the run's reply, if it has one
    };
    void send_message(const Outgoing& message);
    // Peers without headers get the body alone.
    void set_takes_headers(bool takes) { takes_headers_ = takes; }
    bool takes_headers() const { return takes_headers_; }
    void set_names_unsubscribe_origin(bool names) { limits_.names_unsubscribe_origin = names; }
    void set_dialect(proto::RouteDialect dialect) { limits_.dialect = dialect; }
    bool names_unsubscribe_origin() const { return limits_.names_unsubscribe_origin; }
    proto::RouteDialect dialect() const { return limits_.dialect; }

    void set_verbose(bool verbose) { is_verbose_ = verbose; }

    const LinkTraits& traits_;
    RemoteInterest remote_interest_;

  private:
    RemoteInterest make_remote_interest();

    // link::Link
    size_t consume(const char* begin, const char* end) final;
    bool awaits_payload(const proto::RouteOperation& operation);
    void on_close() final;
    bool on_handshake_begun() final;
    void on_handshake_done() final;
    void on_handshake_failed(std::string_view error) final;
    void on_caught_up() final { delivery_.stall_gate.end_rests_because_of(handle()); }

    void perform(const proto::RouteOperation& operation);
    void parse_info_line(std::string_view json);
    void refuse(proto::RouteParseStatus status, const proto::RouteOperation& operation,
                const char* begin, const char* end);
    void trace_in(const proto::RouteOperation& operation);
    bool publish(const char* begin, const char* end, proto::RouteOperation& operation,
                 size_t* used);
    enum class Answer : uint8_t { kNone, kHere, kElsewhere, kByLeafnodes, kNowhere };
    Answer read_answer(Inbound* message, base::LinkHandle* server);
    bool pass_answer(const Inbound& message, base::LinkHandle server, size_t stride, size_t* used);
    bool pass_answer_to_leaf_servers(Inbound* message, size_t stride, size_t* used);
    void hide_reply_origin(delivery::MessageRun* run, std::string* frame);
    delivery::MessageRun read_run(const char* begin, const char* end,
                                  const proto::RouteOperation& operation);
    void append_reframed(std::string_view head, std::string_view reply,
                         const delivery::MessageRun& run, bool with_header_size);
    void leave_strangers();
    void request_sync(std::vector<account::Account*> accounts);
    void continue_sync();
    void continue_sweep();
    void log_end();
    void list_for_next_turn();
    bool note_weight(account::Account& account, std::string_view pattern, std::string_view queue,
                     size_t count);

    class PasswordJob;
    void on_phase_timer();
    void on_sync_timer();
    void arm_phase_timer(uint64_t after_ns);
    void begin_keep_alive();

    enum class Login : uint8_t { kNone, kAwaited, kChecked, kDone };

    Compression compression_ = Compression::kNotNegotiated;
    const std::optional<LinkTarget> target_;
    proto::RouteParseLimits limits_;
    ChannelSetup channel_;
    std::string remote_id_;
    std::string remote_name_;
    std::string nonce_;
    Login login_ = Login::kNone;
    bool serving_ = false;
    bool is_verbose_ = false;  // the other server wants +OK; Go's never do
    bool takes_headers_ = true;
    link::CloseReason parting_ = link::CloseReason::kNone;  // of close_after()
    link::StrangerList* strangers_ = nullptr;
    std::string login_user_;

    absl::flat_hash_map<std::string, account::Account*> accounts_;  // by name, as they were used
    account::Account* last_account_ = nullptr;
    std::string reframed_;  // the tail of one inbound message that was not canonical

    absl::flat_hash_map<size_t, uint32_t> announced_weights_;  // of queue groups, by a hash
    InterestSync sync_{*this};
    uint32_t pongs_due_ = 0;  // when the sync is done
    bool is_listed_ = false;  // send_interest_slice() is called each turn
    runtime::OwnedTimer<ServerLink, &ServerLink::on_phase_timer> phase_timer_{*this};
    bool sync_waits_ = false;  // for room
    bool is_at_end_of_sync_ = false;  // in on_synced()
    runtime::OwnedTimer<ServerLink, &ServerLink::on_sync_timer> sync_timer_{*this};
};

}  // namespace nuring::server_link

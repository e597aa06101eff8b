// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "cluster/route_settings.h"
#include "cluster/route_target.h"
#include "core/account/account.h"
#include "core/interest/match_cache.h"
#include "core/link/message_run.h"
#include "core/link/peer.h"
#include "core/link/worker_links.h"
#include "proto/route_connect.h"
#include "proto/route_parser.h"

namespace nuring::cluster {

class Routes;

// Route is the connection to another server of the cluster.
//
//   dialed:    [TLS as client]  CONNECT INFO ->          <- INFO   registered, interest, messages
//   accepted:  [TLS as server]  INFO ->          <- CONNECT INFO   registered, interest, messages
//
// What the other server wants stands in the sublists of this one as subscriptions of the route; what this
// server wants is sent as RS+ and RS-. A message that comes over a route goes to subscribers of this server
// only (one hop).
//
// Threads: its worker. Limits: a control line of kControlLineMax; no limit for payloads, as in the reference.
// Errors:  the texts of proto/error_text.h, to the other server; then the connection is closed.
// Source:  server/route.go 2.0.0-RC19 to 2.10; spoken here is protocol 2 without pooling and compression.
//          route.cc: set-up and end; route_handshake.cc: CONNECT, INFO, gossip; route_interest.cc: RS+, RS-;
//          route_messages.cc: RMSG and HMSG, both ways.
class Route final : public link::Peer {
  public:
    // target: where it was dialed; none: accepted.
    Route(link::WorkerLinks& links, int fd, Routes& routes, std::optional<RouteTarget> target);
    ~Route() override;

    // Begins: TLS, or what it has to say.
    void greet();

    // link::Peer
    void deliver_to_peer(account::Account& account, const link::MessageRun& run,
                         std::string_view queues) override;
    void announce(account::Account& account, std::string_view pattern, std::string_view queue) override;
    bool tell_some() override;
    // link::Link
    void copy(uint64_t wall_ns, size_t subscriptions, link::PeerSnapshot* out) const override;
    void on_reload() override {}
    void on_account_changed() override {}
    void announce_lame_duck() override;
    bool release(size_t most) override;

    // Another server has come; `info` is what it said, with its address.
    void pass_on(const proto::ServerInfo& info);
    // Other settings hold from now on: permissions are told and applied.
    void change(std::shared_ptr<const RouteSettings> settings);
    // The cluster's name has been taken over from this very server.
    void adopt(std::shared_ptr<const RouteSettings> settings) { settings_ = std::move(settings); }

    const std::optional<RouteTarget>& target() const { return target_; }
    const std::string& remote_id() const { return remote_id_; }

  private:
    // Link
    size_t consume(const char* begin, const char* end) override;
    void on_close() override;
    bool on_handshake_begun() override;
    void on_handshake_done() override;
    void on_handshake_failed(std::string_view error) override;

    // --- set-up
    void begin();
    void send_connect();
    void send_info(const proto::ServerInfo& info, std::string_view before_line_end = {});
    class PasswordJob;
    void on_connect(std::string_view json);
    void refuse_login();
    void welcome(const proto::RouteConnect& connect);
    void on_info(std::string_view json);
    void on_first_info(const proto::ServerInfo& info);
    void on_own_info(const proto::ServerInfo& info);
    bool accepts_cluster_name(const std::string& name, bool is_dynamic, bool tells);
    void send_error(std::string_view text);
    void perform(const proto::RouteOperation& operation);
    void refuse(proto::RouteParseStatus status, const proto::RouteOperation& operation, const char* begin,
                const char* end);
    void trace_in(const proto::RouteOperation& operation);
    void ping();
    void pong();

    // --- interest
    struct BySubject {  // a set of subscriptions, by pattern and queue
        using is_transparent = void;
        struct Key {
            std::string_view pattern;
            std::string_view queue;
        };
        static Key key_of(const interest::Subscription* each) { return {each->subject(), each->queue()}; }
        static Key key_of(const Key& key) { return key; }
        template <class One>
        size_t operator()(const One& one) const {
            const Key key = key_of(one);
            return absl::HashOf(std::string_view(key.pattern), std::string_view(key.queue));
        }
        template <class One, class Other>
        bool operator()(const One& one, const Other& other) const {
            const Key a = key_of(one);
            const Key b = key_of(other);
            return a.pattern == b.pattern && a.queue == b.queue;
        }
    };
    using Subscriptions = absl::flat_hash_set<interest::Subscription*, BySubject, BySubject>;

    account::Account* find_account(std::string_view name);
    void subscribe(const proto::RouteOperation& operation);
    void unsubscribe(const proto::RouteOperation& operation);
    void take_back(account::Account& account, std::vector<interest::Subscription*>& some);
    void begin_dump();
    bool dump_some();
    void send_interest(account::Account& account, std::string_view pattern, std::string_view queue,
                       size_t count);

    // --- messages
    bool publish(const char* begin, const char* end, proto::RouteOperation& operation, size_t* used);
    const interest::MatchEntry& match(account::Account& account, std::string_view subject);
    void await_answer(account::Account& account, std::string_view reply);
    void answered(account::Account& account, std::string_view subject);
    void unsubscribe_awaited(std::string_view key, interest::Subscription* subscription);
    void append_stripped(std::string_view head, std::string_view reply, const link::MessageRun& run);

    // --- timers
    struct RouteTimer : runtime::Timer {
        RouteTimer(FireFunction function, Route& route) : Timer(function), owner(route) {}
        Route& owner;
    };
    static void keep_alive_fired(runtime::Timer& timer);
    void keep_alive();
    void arm_keep_alive(uint64_t after_ns);

    Routes& routes_;
    std::shared_ptr<const RouteSettings> settings_;
    const std::optional<RouteTarget> target_;
    std::string remote_id_;
    proto::ServerInfo remote_info_;
    bool is_connected_ = false;   // CONNECT has come, or none is expected
    bool is_verbose_ = false;     // the other server wants +OK; Go's never do
    bool is_registered_ = false;
    bool is_in_conflict_ = false;  // of cluster names; about to be closed
    bool is_told_ = false;        // our own INFO is out
    bool tracing_ = false;        // as of this batch of input

    absl::flat_hash_map<account::Account*, Subscriptions> subscriptions_;
    size_t subscription_count_ = 0;
    absl::flat_hash_map<std::string, account::Account*> accounts_;  // by name, as they were used
    account::Account* last_account_ = nullptr;
    interest::MatchMemo memo_;

    // Where the answers to requests over service imports of servers before 2.1.2 go, which tell nobody
    // that they want them: a subscription for each, until its answer has passed or its time is up.
    struct Awaited {
        interest::Subscription* subscription;
        uint64_t expires_ns;
    };
    absl::flat_hash_map<std::string, Awaited> awaited_;  // by account and reply subject

    // Interest that the other server has not been told of yet, when it registers.
    std::vector<account::Account*> dump_accounts_;
    size_t dump_account_ = 0;
    uint32_t dump_slice_ = 0;

    RouteTimer keep_alive_timer_;
    bool is_dumping_ = false;
    uint64_t last_activity_ns_ = 0;
    uint64_t ping_sent_ns_ = 0;
    uint64_t rtt_ns_ = 0;
    int pings_out_ = 0;
};

}  // namespace nuring::cluster

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/account/account_registry.h"
#include "core/auth/authenticator.h"
#include "core/base/prng.h"
#include "core/config/options.h"
#include "core/interest/match_cache.h"
#include "core/interest/subscription_pool.h"
#include "core/link/closed_connections.h"
#include "core/link/heavy_hitters.h"
#include "core/link/internal_link.h"
#include "core/link/link_table.h"
#include "core/link/link_traffic.h"
#include "core/link/message_run.h"
#include "core/link/records.h"
#include "core/link/server_facts.h"
#include "core/link/services.h"
#include "core/link/shadow.h"
#include "core/log/log.h"
#include "core/runtime/jobs.h"
#include "core/runtime/slab_pool.h"
#include "core/runtime/worker.h"
#include "core/tls/tls_profile.h"
#include "proto/client_parser.h"
#include "proto/json_parser.h"

namespace nuring::link {

class Announcer;
class Client;
class LinkEvents;
class Peer;

// The limits that the data path looks at, taken out of Options when those change.
struct LinkLimits {
    explicit LinkLimits(const config::Options& options);

    uint64_t max_pending_bytes;
    uint64_t write_deadline_ns;
    uint64_t ping_interval_ns;
    uint64_t auth_timeout_ns;
    uint64_t tls_timeout_ns;
    int ping_max;
    int64_t max_subscriptions;  // 0 or negative: unlimited
    int64_t max_sub_tokens;
    int64_t max_connections;
    bool headers;
    proto::ClientParseLimits parse;
};

// Where clients are told to find this server: client_advertise, or the listener itself.
struct ClientAddress {
    std::string host;
    uint16_t port = 0;
};

// What a reload replaces as a whole.
struct LinkSettings {
    std::shared_ptr<const config::Options> options;
    std::shared_ptr<const auth::Authenticator> authenticator;  // made from the same options
    std::shared_ptr<const tls::Profile> tls;  // of clients; null: they speak in clear text
    ClientAddress address;                    // what INFO says
};

// Counters of one worker over all links that it ever had; plain integers, copied by surveys.
struct LinkCounters : LinkTraffic {
    LinkTraffic of_peers;  // the part that went over links to other servers
    uint64_t slow_consumers_pending = 0;
    uint64_t slow_consumers_deadline = 0;
    uint64_t stale_connections = 0;
    uint64_t sends_in_flight = 0;
    uint64_t pauses = 0;
    uint64_t spilled_records = 0;
    uint64_t replaced_members = 0;
    uint64_t lost_group_messages = 0;
    uint64_t tls_handshakes = 0;
    uint64_t tls_handshake_failures = 0;
};

// What the links of an account that are gone have done on this worker.
struct AccountPast {
    LinkTraffic traffic;
    uint64_t slow_consumers = 0;
};

// WorkerLinks is everything that the links of one worker share: the machine below them (ring, timers,
// slabs, mailboxes), the model (accounts, match cache) and each other. It carries out what a worker
// asks of the layer above it.
//
// Threads: its worker. Lifetime: outlives all its links.
class WorkerLinks final : public runtime::WorkerDelegate {
  public:
    // What the workers of one server share; all of it outlives them.
    struct Shared {
        ServerFacts& facts;
        account::AccountRegistry& accounts;
        runtime::JobRunner& jobs;
        runtime::JobRunner& handshakes;  // jobs that a user waits for: before the others
        Announcer* announcer = nullptr;  // null: this server has no peers, and never will
        // Look-ups of names, which may wait for the network; null: among `jobs`.
        runtime::JobRunner* lookups = nullptr;
    };

    WorkerLinks(runtime::Worker& worker, const Shared& shared, log::Writer& log,
                const LinkSettings& settings);
    ~WorkerLinks() override;

    // New Options, between two turns.
    void apply(const LinkSettings& settings, bool check_clients);
    // Accounts have changed: their clients follow. Between two turns.
    void refresh_accounts();

    // The clients of that account are checked again, in operator mode.
    void check_clients(const std::string& account);

    // --- links ------------------------------------------------------------------------------------
    // A new client connection lives here from now on.
    void adopt(int fd);
    // The accepting worker gives a new client connection to the worker that has the fewest clients.
    void place_client(int fd);
    // The first half of a stop: takes no connection and reads nothing more. Calls `held` once, when
    // every record for other workers is in its mailbox.
    void hold(void (*held)(void*), void* state);
    bool holding() const { return holding_; }
    // No new connections: the server ends, or is a lame duck.
    bool stopping() const { return stopping_ || holding_; }
    // The second half, when all workers hold: delivers what is in the mailboxes, then closes every link;
    // their last bytes still leave. Calls `drained` once, when none is left.
    void stop(void (*drained)(void*), void* state);

    // The clients are told that this server goes; after the grace period they are closed one by one,
    // spread over the lame duck duration. `drained` as in stop().
    void enter_lame_duck(void (*drained)(void*), void* state);

    // A closed link with more subscriptions than this is taken back in slices, one per turn: a million
    // of them would hold up everybody else for a few hundred milliseconds, a slice does for about one.
    size_t released_per_turn = 2048;  // less in the simulator, whose clients are small
    void release_later(Link& link) { releasing_.push_back(&link); }

    // --- other servers --------------------------------------------------------------------------------
    // From now on the peer hears of what is subscribed to here (Peer::announce()).
    void add_peer(Peer& peer);
    void remove_peer(Peer& peer);
    // tell_some() is called in each turn until it says that this was all.
    void tell_later(Peer& peer) { telling_.push_back(&peer); }
    std::span<Peer* const> peers() const { return peers_; }
    // May a subscription come or go now, as far as telling others of it goes? False: the link was paused.
    bool make_room_to_announce(Link& link, size_t names_size) {
        return announcer == nullptr || announces(link, names_size);
    }
    // Clients that have been told of other URLs than there are now (facts.cluster_views) hear of it.
    void announce_cluster_view();

    void slow_consumer_pending(Link& link);
    void slow_consumer_deadline(Link& link);

    // --- subscriptions ------------------------------------------------------------------------------
    uint64_t take_serial() { return ++last_serial_; }
    // Queue members are found by serial when a message chosen elsewhere arrives.
    void add_member(interest::Subscription* subscription);
    interest::Subscription* find_member(uint64_t serial) const;
    // It takes no message any more, and is freed at the end of the turn: a match in use may still point
    // at it. Taking it out of its sublist is the caller's.
    void retire(interest::Subscription* subscription);
    void retire(std::unique_ptr<Shadow> shadow) { retired_shadows_.push_back(std::move(shadow)); }

    // --- records, back-pressure -----------------------------------------------------------------------
    // May records of that many bytes in all go to that worker now? False: the caller pauses its link
    // and is resumed when there is room.
    bool has_room(base::WorkerId to, size_t bytes);
    void pause_until_room(Link& link, base::WorkerId to, size_t bytes);
    // Is the log so full, with the lines that are on their way to other workers, that traces may be
    // lost? Then the link is paused until they are written.
    bool pause_until_logged(Link& link);
    // A record of `size` bytes, to be filled and committed. Never fails: what finds no room (has_room
    // was not asked, or could not know) waits in memory here, and has_room is false until it is gone.
    runtime::RecordHeader* begin_record(base::WorkerId to, size_t size, uint32_t kind);
    void commit_record(base::WorkerId to, runtime::RecordHeader* record);
    size_t record_size_max() const { return record_size_max_; }

    // Room for what a link with TLS has just decrypted, for the time of its turn; with the slack of a
    // receive buffer.
    std::span<char> plaintext();

    // runtime::WorkerDelegate
    void on_record(base::WorkerId from, const runtime::RecordHeader& record) override;
    void on_room(base::WorkerId to) override;
    bool flush() override;

    const base::WorkerId id;
    runtime::Worker& worker;
    ring::Ring& ring;
    runtime::Mesh& mesh;
    runtime::TimerWheel& timers;
    ServerFacts& facts;
    log::Writer& log;
    account::AccountRegistry& accounts;
    runtime::JobRunner& jobs;
    runtime::JobRunner& handshakes;
    Announcer* const announcer;
    runtime::JobRunner& lookups;
    std::shared_ptr<const config::Options> options;
    std::shared_ptr<const auth::Authenticator> authenticator;
    std::shared_ptr<const tls::Profile> tls;
    ClientAddress address;
    LinkLimits limits;
    runtime::SlabPool slabs;
    LinkTable table;
    interest::SubscriptionPool subscriptions;
    interest::MatchCache cache;
    base::Prng prng;
    LinkCounters counters;
    HeavyHitters heavy_hitters;
    ClosedConnections closed;
    absl::flat_hash_map<const account::Account*, AccountPast> account_pasts;
    proto::JsonParser json_parser;
    Services services{*this};
    std::string mapped_subject;  // of the publish that goes on
    InternalLink internal;         // the server itself, as publisher and subscriber
    base::LinkHandle origin;       // who has published what is being delivered
    LinkEvents* events = nullptr;  // who hears of clients; set before the worker runs
    std::vector<Link*> dirty;
    uint64_t out_bytes_at_flush = 0;  // counters.out_bytes when this turn began
    std::vector<Link*> retired_links;
    uint64_t abandoned_connects = 0;  // of dialers (dialer.h), not yet given back by the ring
    std::string scratch;  // rare re-framing of odd input
    std::string peer_queues;  // of the message that goes to a peer

  private:
    struct Outlet {  // towards one other worker
        std::vector<std::unique_ptr<char[]>> spill;
        size_t spill_first = 0;
        std::vector<base::LinkHandle> waiting;
    };

    base::WorkerId least_loaded() const;
    void close_excess(std::vector<base::LinkHandle> handles);
    bool release_some();
    bool tell_some();
    bool announces(Link& link, size_t names_size);
    void announce(const InterestRecord& record);
    void announce_reply_patterns();
    static void lame_duck_fired(runtime::Timer& timer);
    void close_one_client();
    bool log_crowded();
    static void log_timer_fired(runtime::Timer& timer);
    struct OwnTimer : runtime::Timer {
        OwnTimer(FireFunction function, WorkerLinks& links) : Timer(function), owner(links) {}
        WorkerLinks& owner;
    };

    void check(const std::vector<base::LinkHandle>& handles);
    std::vector<base::LinkHandle> handles() const;
    void drain_spill(base::WorkerId to);
    void resume_waiting(base::WorkerId to);
    bool has_spill() const { return spill_count_ != 0; }
    bool report_held();
    bool close_when_delivered();

    std::vector<Outlet> outlets_;
    std::unique_ptr<char[]> plaintext_;  // made for the first link with TLS
    size_t spill_count_ = 0;  // records in all outlets
    size_t record_size_max_ = 0;
    bool resume_next_turn_ = false;  // room came between asking and asking to be woken
    void (*drained_)(void*) = nullptr;
    void* drained_state_ = nullptr;
    bool stopping_ = false;
    void (*held_)(void*) = nullptr;
    void* held_state_ = nullptr;
    bool holding_ = false;
    bool published_ = false;  // all spilled records went to their mailboxes in an earlier turn
    bool closing_ = false;    // stop() came; links are closed when the mailboxes are empty
    OwnTimer log_timer_{&log_timer_fired, *this};
    std::vector<base::LinkHandle> waiting_for_log_;
    OwnTimer lame_duck_timer_{&lame_duck_fired, *this};
    std::vector<base::LinkHandle> lame_ducks_;
    uint64_t lame_duck_interval_ns_ = 0;
    uint64_t last_serial_ = 0;
    absl::flat_hash_map<uint64_t, interest::Subscription*> members_;
    std::vector<interest::Subscription*> retired_subscriptions_;
    std::vector<Link*> releasing_;
    std::vector<Peer*> peers_;
    std::vector<Peer*> telling_;
    std::vector<std::unique_ptr<Shadow>> retired_shadows_;
};

}  // namespace nuring::link

// SPDX-License-Identifier: Apache-2.0
#include "gateway/gateways.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/base/host_port.h"
#include "core/base/status.h"
#include "core/delivery/gateway_table.h"
#include "core/delivery/remote_server.h"
#include "core/tls/digest.h"
#include "fmt/format.h"
#include "gateway/gateway_inbound.h"
#include "gateway/gateway_link.h"
#include "gateway/gateway_outbound.h"
#include "proto/gateway_reply.h"
#include "proto/kind_facts.h"
#include "proto/quote.h"

namespace nuring::gateway {
namespace {

// Added to the pause between two rounds, at random.
constexpr uint32_t kRoundJitter_ns = 100'000'000;

// Between two rounds over the addresses of a cluster.
constexpr uint64_t kRoundPause_ns = 1'000'000'000;
constexpr uint64_t kRoundPauseMax_ns = 30'000'000'000;
constexpr int64_t kDoublingsMax = 5;

// The subject of the event of a leafnode that has come: before and after the account's name.
constexpr std::string_view kAccountPrefix = "$SYS.ACCOUNT.";
constexpr std::string_view kLeafnodeSuffix = ".LEAFNODE.CONNECT";

std::vector<std::string> addresses_of(const Remote& remote) {
    std::vector<std::string> addresses;
    for (const config::Url& url : remote.urls()) addresses.push_back(url.host_port());
    return addresses;
}

}  // namespace

// One cluster that is dialed: rounds over its addresses, each in random order.
struct Gateways::Dialing {
    Dialing(Gateways& gateways, delivery::Delivery& delivery, std::string name, bool again)
        : cluster(std::move(name)),
          is_reconnect(again),
          dialer(gateways, delivery, {}, {.pause_ns = 0, .jitter_ns = 0}) {}

    const std::string cluster;
    const bool is_reconnect;
    std::vector<config::Url> left;  // of this round; the last one is next
    int64_t round = 0;
    server_link::RetryDialer dialer;
};

Gateways::Gateways(server::Server& server, std::shared_ptr<const GatewaySettings> settings)
    : workers_(server, proto::Kind::kGateway),
      remotes_(settings->name()),
      table_versions_(server.worker_count()),
      settings_(std::move(settings)) {
    remotes_.configure(settings_->gateway());
    publish_table();
}

Gateways::~Gateways() = default;

std::shared_ptr<const GatewaySettings> Gateways::settings() const {
    const std::lock_guard lock(mutex_);
    return settings_;
}

// ------------------------------------------------------------------------------------ dialing

void Gateways::dial_configured() {
    for (const Remote& remote : remotes_.list()) {
        if (!remote.is_implicit) dial(remote.name, 0, /*is_reconnect=*/false);
    }
}

void Gateways::dial(const std::string& name, uint64_t delay_ns, bool is_reconnect) {
    if (workers_.stopping()) return;
    {
        const std::lock_guard lock(mutex_);
        const auto [known, is_new] = dialing_.try_emplace(name, false);
        if (!is_new) {
            known->second = true;
            return;
        }
    }
    workers_.dial(delay_ns, [this, name, is_reconnect](server::WorkerState& state) {
        return std::make_unique<Dialing>(*this, state.delivery, name, is_reconnect);
    });
}

std::optional<server_link::LinkTarget> Gateways::next_target(server_link::RetryDialer& dialer) {
    Dialing& dialing = workers_.dialing_of(dialer);
    if (workers_.stopping()) return std::nullopt;
    if (remotes_.has_outbound(dialing.cluster)) return std::nullopt;
    const std::optional<Remote> remote = remotes_.find(dialing.cluster);
    if (!remote.has_value()) return std::nullopt;
    if (dialing.left.empty()) {
        dialing.left = remote->urls();
        ++dialing.round;
        for (size_t i = dialing.left.size(); i > 1; --i) {
            std::swap(dialing.left[i - 1],
                      dialing.left[dialer.delivery().prng.below(static_cast<uint32_t>(i))]);
        }
        if (dialing.left.empty()) return std::nullopt;
    }
    server_link::LinkTarget target = server_link::LinkTarget::from_url(dialing.left.back());
    target.is_explicit = !remote->is_implicit;
    dialing.left.pop_back();
    return target;
}

void Gateways::on_attempt(server_link::RetryDialer& dialer) {
    const Dialing& dialing = workers_.dialing_of(dialer);
    const std::shared_ptr<const GatewaySettings> now = settings();
    const config::Options& options = *now->options;
    const std::string address = base::host_port(dialer.target().host, dialer.target().port);
    const auto text = fmt::format("Connecting to {} gateway {} ({}) at {} (attempt {})",
                                  dialer.target().is_explicit ? "explicit" : "implicit",
                                  proto::quote(dialing.cluster), address, address, dialing.round);
    if (server_link::is_reported(dialing.round, options, dialing.is_reconnect)) {
        dialer.delivery().host.log.info("{}", text);
    } else {
        dialer.delivery().host.log.debug("{}", text);
    }
}

bool Gateways::on_failed(server_link::RetryDialer& dialer, const absl::Status& error) {
    Dialing& dialing = workers_.dialing_of(dialer);
    log::Writer& log = dialer.delivery().host.log;
    const std::shared_ptr<const GatewaySettings> now = settings();
    const config::Options& options = *now->options;
    const std::string address = base::host_port(dialer.target().host, dialer.target().port);
    const auto text =
        fmt::format("Error connecting to {} gateway {} ({}) at {} (attempt {}): {}",
                    dialer.target().is_explicit ? "explicit" : "implicit", proto::quote(dialing.cluster),
                    address, address, dialing.round, base::message_of(error));
    if (server_link::is_reported(dialing.round, options, dialing.is_reconnect)) {
        log.error("{}", text);
    } else {
        log.debug("{}", text);
    }
    server_link::RetryRules rules{.pause_ns = 0, .jitter_ns = 0};
    if (!dialing.left.empty()) {
        dialer.set_rules(rules);
        return true;
    }
    // A cluster that has dialed this server exists, whatever addresses are known of it.
    const bool has_end = !dialer.target().is_explicit && !remotes_.has_inbound(dialing.cluster);
    if (has_end && dialing.round > options.gateway.connect_retries) {
        remotes_.forget(dialing.cluster);
        return false;
    }
    rules.pause_ns = kRoundPause_ns;
    if (options.gateway.connect_backoff) {
        const int64_t doublings = std::min(dialing.round - 1, kDoublingsMax);
        assert(doublings >= 0);
        rules.pause_ns = std::min(kRoundPause_ns << doublings, kRoundPauseMax_ns);
    }
    rules.jitter_ns = kRoundJitter_ns;
    dialer.set_rules(rules);
    return true;
}

void Gateways::on_connected(server_link::RetryDialer& dialer, int fd) {
    delivery::Delivery& delivery = dialer.delivery();
    const Dialing& dialing = workers_.dialing_of(dialer);
    if (!workers_.admit(delivery.host, fd)) return;
    const std::optional<Remote> remote = remotes_.find(dialing.cluster);
    auto* link = new GatewayOutbound(delivery, fd, *this, dialer.target(), dialing.cluster);
    link->greet(remote.has_value() ? remote->tls_name : std::string());  // LinkHost deletes it
}

void Gateways::on_ended(server_link::RetryDialer& dialer) {
    const std::string cluster = workers_.dialing_of(dialer).cluster;
    bool again = false;
    {
        const std::lock_guard lock(mutex_);
        const auto known = dialing_.find(cluster);
        assert(known != dialing_.end());
        again = known->second;
        dialing_.erase(known);
    }
    workers_.forget(dialer);
    if (again) dial(cluster, 0, /*is_reconnect=*/false);
}

void Gateways::accept(int fd) {
    workers_.accept(fd, [this](delivery::Delivery& delivery, int accepted) {
        (new GatewayInbound(delivery, accepted, *this))->greet();  // LinkHost deletes it
    });
}

void Gateways::reload(std::shared_ptr<const GatewaySettings> settings) {
    remotes_.configure(settings->gateway());
    const std::optional<config::TlsOptions> tls = settings->gateway().tls;
    {
        const std::lock_guard lock(mutex_);
        settings_ = std::move(settings);
    }
    // A server whose certificate is no longer pinned has to go.
    for (const GatewayEntry& entry : remotes_.inbound()) close_unless_pinned(entry, tls);
    for (const GatewayEntry& entry : remotes_.outbound()) {
        const std::optional<Remote> remote = remotes_.find(entry.name);
        close_unless_pinned(entry, remote.has_value() ? remote->tls : tls);
    }
}

void Gateways::close_unless_pinned(const GatewayEntry& entry,
                                   const std::optional<config::TlsOptions>& tls) {
    if (!tls.has_value() || tls->pinned_certs.empty()) return;
    workers_.with_link<server_link::ServerLink>(
        entry.link, [pins = tls->pinned_certs](server_link::ServerLink& link) {
            link.close_unless_pinned(pins);
        });
}

void Gateways::stop() { workers_.stop(); }

// --------------------------------------------------------------------- leafnodes of other clusters

// A server announces to its leafnodes only interest that it knows: those before 2.9 have none of another
// cluster until that switches the account.
// Source: server/events.go, leafNodeConnected 2.15.
void Gateways::follow_leafnodes() {
    server::Server& server = workers_.server();
    if (server.system_account() == nullptr) return;
    server.subscribe(*server.system_account(), fmt::format("{}*{}", kAccountPrefix, kLeafnodeSuffix),
                     [this](const client::InternalMessage& message) {
                         assert(message.subject.size() > kAccountPrefix.size() + kLeafnodeSuffix.size());
                         std::string_view account = message.subject;
                         account.remove_prefix(kAccountPrefix.size());
                         account.remove_suffix(kLeafnodeSuffix.size());
                         on_leafnode(account);
                     });
}

// A flood of events makes one task per account at a time, which visits the workers.
void Gateways::on_leafnode(std::string_view name) {
    account::Account* const account = workers_.server().accounts().find(name);
    if (account == nullptr || workers_.stopping()) return;
    const auto [known, is_new] = announcing_.try_emplace(account, false);
    if (is_new) return announce_account(*account, 0);
    known->second = true;
}

void Gateways::announce_account(account::Account& account, uint32_t worker) {
    server::Server& server = workers_.server();
    if (worker < server.worker_count()) {
        return server.post(worker, [this, &server, &account, worker] {
            for (const GatewayEntry& entry : remotes_.inbound()) {
                if (index_of(entry.link.worker()) != worker) continue;
                link::Link* const found = server.worker_state(worker).host.table.find(entry.link);
                if (found != nullptr) static_cast<GatewayInbound&>(*found).announce_account(account);
            }
            announce_account(account, worker + 1);
        });
    }
    server.post(0, [this, &account] {
        const bool again = announcing_.extract(&account).mapped();
        if (!again || workers_.stopping()) return;
        announcing_.emplace(&account, false);
        announce_account(account, 0);
    });
}

// ------------------------------------------------------------------------------- registration

bool Gateways::add_outbound(const GatewayOutbound& link, const proto::ServerInfo& info) {
    const bool added = remotes_.add_outbound(
        {.name = link.cluster(),
         .remote_id = info.server_id,
         .link = link.handle(),
         .rtt_ns = link.rtt_ns()});
    if (added) publish_table();
    return added;
}

void Gateways::add_inbound(const GatewayInbound& link, const proto::ServerInfo& info) {
    remotes_.add_inbound({.name = link.cluster(), .remote_id = info.server_id, .link = link.handle()});
}

void Gateways::outbound_closed(const GatewayOutbound& link) {
    assert(!link.open());
    const uint32_t index = index_of(link.handle().worker());
    workers_.leave_place(index);
    if (remotes_.remove(link.handle()).has_value()) publish_table();
    if (workers_.stopping()) return;
    if (link.close_reason() == link::CloseReason::kServerShutdown) return;
    const std::optional<Remote> remote = remotes_.find(link.cluster());
    if (!remote.has_value() || remotes_.has_outbound(link.cluster())) return;
    base::Prng& prng = workers_.server().worker_state(index).delivery.prng;
    const uint64_t delay_ns = server_link::reconnect_delay_ns(prng, !remote->is_implicit);
    dial(link.cluster(), delay_ns, /*is_reconnect=*/true);
}

void Gateways::inbound_closed(const GatewayInbound& link) {
    assert(!link.open());
    workers_.leave_place(index_of(link.handle().worker()));
    (void)remotes_.remove(link.handle());
}

void Gateways::on_rtt(const GatewayOutbound& link) {
    if (remotes_.set_rtt(link.handle(), link.rtt_ns())) publish_table();
}

// Every worker has a copy of its own: who is where, and in which order.
void Gateways::publish_table() {
    const std::shared_ptr<const GatewaySettings> now = settings();
    delivery::GatewayTable table;
    table.own = now->reply_origin;
    table.old_hash = now->old_hash;
    // Two workers may publish at once. The version is taken before the entries are read (acq_rel), so the
    // table with the highest one has the entries of all others.
    const uint64_t version = table_version_.fetch_add(1, std::memory_order_acq_rel) + 1;
    for (const GatewayEntry& entry : remotes_.outbound()) {
        const auto digest = tls::sha256(entry.name);
        table.outbound.push_back({.link = entry.link,
                                  .hash = proto::gateway_hash(digest),
                                  .old_hash = proto::old_gateway_hash(digest)});
    }
    workers_.on_all([this, table, version](server::WorkerState& state) {
        assert(index_of(state.host.id) < table_versions_.size());
        uint64_t& known = table_versions_[index_of(state.host.id)];
        if (std::exchange(known, std::max(known, version)) < version) state.delivery.gateways = table;
    });
}

// ------------------------------------------------------------------------------------- gossip

proto::ServerInfo Gateways::own_info() const {
    const std::lock_guard lock(mutex_);
    proto::ServerInfo info = settings_->info;
    info.gateway_urls = {info.gateway_url};
    cluster_urls_.append_to(&info.gateway_urls);
    return info;
}

// Source: server/route.go, isDuplicateServerName 2.15.
bool Gateways::has_server_name(const proto::ServerInfo& info) const {
    const link::ServerFacts& facts = workers_.server().facts();
    if (info.server_name == facts.info.server_name) return info.server_id != facts.info.server_id;
    return facts.route_directory.has_name(info.server_name);
}

std::vector<proto::ServerInfo> Gateways::gossip(const std::string& except) const {
    std::vector<proto::ServerInfo> all;
    for (const Remote& remote : remotes_.list()) {
        if (remote.name == except) continue;
        proto::ServerInfo info;
        info.proto = 0;
        info.server_id = workers_.server().facts().info.server_id;
        info.gateway = remote.name;
        info.gateway_urls = addresses_of(remote);
        info.gateway_cmd = kGossipCommand;
        if (!info.gateway_urls.empty()) all.push_back(std::move(info));
    }
    return all;
}

std::vector<proto::ServerInfo> Gateways::gossip_for_routes() const {
    std::vector<proto::ServerInfo> all;
    for (proto::ServerInfo& info : gossip({})) {
        if (!remotes_.has_outbound(info.gateway)) continue;
        info.server_id.insert(0, "GW");
        all.push_back(std::move(info));
    }
    return all;
}

void Gateways::learn(const proto::ServerInfo& info) {
    if (settings()->gateway().reject_unknown && !remotes_.contains(info.gateway)) return;
    if (remotes_.learn(info.gateway, info.gateway_urls) != GatewayRemotes::Learned::kNew) return;
    dial(info.gateway, 0, /*is_reconnect=*/false);
}

void Gateways::on_remote_info(const proto::ServerInfo& info) {
    remotes_.replace_urls(info.gateway, info.gateway_urls);
    proto::ServerInfo report;
    report.proto = 0;
    // An older server without gateways must not take it for another server of the cluster.
    report.server_id = "GW" + workers_.server().facts().info.server_id;
    report.server_name = workers_.server().facts().info.server_name;
    report.gateway = info.gateway;
    report.gateway_urls = server_link::GossipUrls::first_of(info.gateway_urls);
    report.gateway_cmd = kGossipCommand;
    report_to_routes(report);
}

void Gateways::report_to_routes(const proto::ServerInfo& info) {
    workers_.on_all([info](server::WorkerState& state) {
        for (delivery::RemoteServer* each : state.delivery.servers.list()) {
            if (!proto::facts_of(each->kind()).is_route) continue;
            static_cast<server_link::ServerLink*>(each)->report(info);
        }
    });
}

void Gateways::report_to_inbound() {
    for (const GatewayEntry& entry : remotes_.inbound()) {
        workers_.with_link<GatewayInbound>(entry.link, [](GatewayInbound& link) { link.report_self(); });
    }
}

void Gateways::add_cluster_url(const std::string& url) {
    {
        const std::lock_guard lock(mutex_);
        if (!cluster_urls_.add({url})) return;
    }
    report_to_inbound();
}

void Gateways::remove_cluster_url(const std::string& url) {
    {
        const std::lock_guard lock(mutex_);
        if (!cluster_urls_.remove({url})) return;
    }
    if (!workers_.stopping()) report_to_inbound();
}

}  // namespace nuring::gateway

// SPDX-License-Identifier: Apache-2.0
#include "core/client/client_host.h"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <utility>

#include "core/client/client.h"
#include "core/client/client_records.h"
#include "core/client/client_upgrade.h"
#include "core/delivery/records.h"
#include "core/link/handover.h"

namespace nuring::client {
namespace {

const std::vector<std::string>& pins_of(const std::optional<config::TlsOptions>& tls) {
    static const std::vector<std::string> kNone;
    return tls.has_value() ? tls->pinned_certs : kNone;
}

}  // namespace

ClientLimits::ClientLimits(const config::Options& options)
    : auth_timeout_ns(static_cast<uint64_t>(options.authorization.timeout.count())),
      tls_timeout_ns(
          static_cast<uint64_t>(options.tls.value_or(config::TlsOptions{}).timeout.count())),
      max_subscriptions(options.max_subscriptions),
      max_sub_tokens(options.max_sub_tokens),
      max_connections(options.max_connections),
      headers(!options.no_header_support),
      follow_subscribers(options.uring.locality),
      links_servers(options.links_servers()),
      parse{.control_line_max = static_cast<uint32_t>(options.max_control_line),
            .payload_max = options.max_payload} {}

// Credentials of the block replace the single user and token of the server, and its
// no_auth_user for the server's; users, nkeys and operator mode are common to both ports.
// Source: wsConfigAuth in server/websocket.go, processClientOrLeafAuthentication in server/auth.go 2.15.3.
std::shared_ptr<const WebsocketSettings> make_websocket_settings(const config::Options& options,
                                                                 std::shared_ptr<auth::Trust> trust) {
    const config::WebsocketOptions& websocket = options.websocket;
    if (websocket.port == 0) return nullptr;
    config::Options changed = options;
    changed.tls = websocket.tls;
    if (!websocket.user.empty() || !websocket.token.empty() || !websocket.no_auth_user.empty()) {
        changed.authorization.user = websocket.user;
        changed.authorization.password = websocket.password;
        changed.authorization.token = websocket.token;
        changed.no_auth_user = websocket.no_auth_user;
    }
    auto settings = std::make_shared<WebsocketSettings>();
    settings->authenticator = std::make_shared<const auth::Authenticator>(
        changed, std::move(trust), auth::ConnectionType::kWebsocket, &options);
    const auto chosen = [](config::nanoseconds own, config::nanoseconds common) {
        return static_cast<uint64_t>((own.count() > 0 ? own : common).count());
    };
    settings->auth_timeout_ns = chosen(websocket.auth_timeout, options.authorization.timeout);
    settings->ping_interval_ns = chosen(websocket.ping_interval, options.ping_interval);
    settings->tls = websocket.tls.has_value();
    return settings;
}

ClientHost::ClientHost(delivery::Delivery& delivery_ref, const ClientSettings& settings)
    : delivery(delivery_ref),
      host(delivery_ref.host),
      heavy_hitters(settings.options->uring.heavy_hitters, host.ring.random_seed()),
      closed(host.facts,
             static_cast<size_t>(std::max<int64_t>(settings.options->max_closed_clients, 0))),
      settings_(settings),
      limits_(*settings.options) {}

ClientHost::~ClientHost() {
    host.timers.disarm(refusals_timer_);
}

bool ClientHost::admits_handshake(int64_t per_second) {
    if (host.facts.tls_rate.allows(host.ring.now_ns(), per_second)) return true;
    constexpr uint64_t kReport_ns = 1'000'000'000;
    if (!refusals_timer_.armed()) host.timers.arm(refusals_timer_, host.ring.now_ns() + kReport_ns);
    return false;
}

// Source: logRejectedTLSConns in server/server.go 2.9.10.
void ClientHost::report_refused_handshakes() {
    const uint32_t refused = host.facts.tls_rate.take_refused();  // of all workers
    if (refused > 0) host.log.warn("Rejected {} connections due to TLS rate limiting", refused);
}

void ClientHost::apply(const ClientSettings& settings) {
    const std::shared_ptr<const config::Options> before = std::exchange(settings_, settings).options;
    limits_ = ClientLimits(*settings_.options);
    close_unpinned(*before);
}

// Source: server/reload.go, recheckPinnedCerts() 2.15.3.
void ClientHost::close_unpinned(const config::Options& before) {
    const std::vector<std::string>& pins = pins_of(options().tls);
    const std::vector<std::string>& websocket_pins = pins_of(options().websocket.tls);
    const bool have_changed = pins != pins_of(before.tls);
    const bool websocket_have_changed = websocket_pins != pins_of(before.websocket.tls);
    if (!have_changed && !websocket_have_changed) return;
    for (const base::LinkHandle handle : host.handles()) {
        Client* client = as_client(host.table.find(handle));
        if (client == nullptr || !client->open()) continue;
        const bool is_websocket = client->is_websocket();
        if (!(is_websocket ? websocket_have_changed : have_changed)) continue;
        client->close_unless_pinned(is_websocket ? websocket_pins : pins);
        if (!client->open()) host.facts.excess_clients.fetch_sub(1, std::memory_order_relaxed);
    }
}

// --------------------------------------------------------------------------- new connections

void ClientHost::adopt(int fd) {
    if (host.refuses_clients()) return host.ring.close(fd);
    auto* client = new Client(*this, fd);  // LinkHost deletes it once it is retired
    client->greet();
}

void ClientHost::adopt(link::Handover&& connection, std::unique_ptr<const ClientUpgrade> upgrade) {
    auto* client = new Client(*this, std::move(connection), std::move(upgrade));
    client->greet();
}

// Counted here rather than where it arrives, so that a burst is spread evenly.
base::WorkerId ClientHost::take_place() {
    return host.facts.worker_loads.take_place(host.ring.now_ns());
}

void ClientHost::release_place() {
    host.facts.worker_loads.remove_client(host.id);
}

void ClientHost::place(int fd) {
    const base::WorkerId to = take_place();
    if (to == host.id) return adopt(fd);
    runtime::RecordHeader* record =
        delivery.outlets.begin_record(to, sizeof(AdoptRecord), delivery::kAdopt);
    reinterpret_cast<AdoptRecord*>(record)->fd = fd;
    delivery.outlets.commit_record(to, record);
}

// ------------------------------------------------------------------------------------ reload

void ClientHost::check_all() {
    check(host.handles());
}

void ClientHost::check(const std::string& account) {
    std::vector<base::LinkHandle> concerned;
    host.table.for_each([&](link::Link& link) {
        const Client* client = as_client(&link);
        const bool is_of_account = client != nullptr && client->account().name() == account;
        // Other servers log in as users, too.
        if (is_of_account || proto::is_server(link.kind())) concerned.push_back(link.handle());
    });
    check(concerned);
}

void ClientHost::check(const std::vector<base::LinkHandle>& handles) {
    for (const base::LinkHandle handle : handles) {
        link::Link* link = host.table.find(handle);
        if (link == nullptr || !link->open()) continue;
        const bool is_client = as_client(link) != nullptr;
        link->on_reload();
        if (is_client && !link->open()) host.facts.excess_clients.fetch_sub(1, std::memory_order_relaxed);
    }
}

bool ClientHost::check_slice() {
    constexpr size_t kCheckedPerTurn = 1024;  // a few milliseconds
    if (checking_.empty()) [[likely]]
        return false;
    Client* client = as_client(host.table.find(checking_.back()));
    const bool is_done = client == nullptr || !client->open() || client->check_subscriptions(kCheckedPerTurn);
    if (is_done) checking_.pop_back();
    return !checking_.empty();
}

// The workers share one count of clients that have to go; the last ones here go first.
bool ClientHost::take_excess() {
    std::atomic<int64_t>& excess = host.facts.excess_clients;
    return excess.load(std::memory_order_relaxed) > 0 && excess.fetch_sub(1, std::memory_order_relaxed) > 0;
}

void ClientHost::close_excess() {
    std::vector<base::LinkHandle> handles = host.handles();
    for (; !handles.empty(); handles.pop_back()) {
        Client* client = as_client(host.table.find(handles.back()));
        if (client == nullptr || !client->open()) continue;
        if (!take_excess()) return;
        client->refuse_excess();
    }
}

void ClientHost::announce_cluster_view() {
    host.table.for_each([](link::Link& link) {
        if (Client* client = as_client(&link)) client->announce_cluster();
    });
}

void ClientHost::add_closed(const account::Account& account, const link::LinkTraffic& traffic,
                            bool is_slow) {
    ClosedLinkTotals& totals = closed_totals_[&account];
    totals.traffic += traffic;
    totals.slow_consumers += is_slow ? 1 : 0;
}

}  // namespace nuring::client

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "core/auth/permissions.h"
#include "core/config/options.h"
#include "core/link/route_directory.h"
#include "core/server_link/link_target.h"
#include "core/server_link/server_link.h"
#include "proto/info.h"

namespace nuring::tls {
class Profile;
}

namespace nuring::cluster {

// A server that announces a larger pool is refused: the larger pool of the two sets the number of
// connections.
inline constexpr int kPoolSizeMax = 512;

// `gossip_mode` of an INFO about a third server: the receiver's part in spreading it.
// Source: server/route.go, forwardNewRouteInfoToKnownServers 2.11.
namespace gossip {
inline constexpr int64_t kDefault = 0;   // dials the server, and does not pass the INFO on
inline constexpr int64_t kDisabled = 1;  // the same, and the server passes on nothing about the receiver
inline constexpr int64_t kOverride = 2;  // dials the server, and passes the INFO on: nobody else may do so
}  // namespace gossip

struct ClusterName {
    std::string text;
    bool is_dynamic = false;  // made up; another one may replace it
};

// RouteSettings is the configuration of all routes of this server: an immutable snapshot, replaced as a whole
// by a reload, or when this server adopts the cluster name of others.
// Threads: any. Errors: none.
struct RouteSettings {
    std::shared_ptr<const config::Options> options;
    // Null: clear text.
    std::shared_ptr<const tls::Profile> tls_acceptor;
    std::shared_ptr<const tls::Profile> tls_dialer;
    // The certificate of a server whose address is a number may show this host instead: the first one of the
    // configured routes that has a name. Gossip gives numbers alone. Empty: none.
    // Source: server/route.go, saveRouteTLSName 2.15.3.
    std::string tls_name;
    // `import` limits the subjects that this server requests from others, `export` those that they may
    // request.
    std::optional<auth::Permissions> permissions;
    proto::ServerInfo info;  // of this server, as its routes send it; holds the cluster's name
    // Accounts with a route of their own.
    absl::flat_hash_set<std::string> pinned_accounts;

    const config::ClusterOptions& cluster() const { return options->cluster; }
    const std::string& cluster_name() const { return info.cluster; }
    bool is_dynamic_name() const { return info.cluster_dynamic; }
    ClusterName name() const { return {.text = info.cluster, .is_dynamic = info.cluster_dynamic}; }
    void set_name(ClusterName name) {
        info.cluster = std::move(name.text);
        info.cluster_dynamic = name.is_dynamic;
    }
    bool has_pools() const { return cluster().pool_size > 0; }
    bool is_pinned(std::string_view account) const {
        return pinned_accounts.contains(absl::string_view(account.data(), account.size()));
    }
    // The connection of each pool that carries this server's interest in that account.
    int slot_of(std::string_view account) const { return link::pool_slot_of(account, cluster().pool_size); }
    // The credentials of a route.
    server_link::ServerLink::LoginRule login_rule() const {
        server_link::ServerLink::LoginRule rule{.wanted = cluster().authorization};
        if (const auto& tls = cluster().tls; tls.has_value()) {
            rule.maps_certificate = tls->map;
            if (tls->check_known_urls) rule.known_urls = cluster().routes;
        }
        return rule;
    }
    bool asks_for_credentials() const { return login_rule().asks_for_credentials(); }
    // The first of `routes` at that place.
    std::optional<server_link::LinkTarget> configured_at(const server_link::LinkTarget& target) const {
        for (const config::Url& url : cluster().routes) {
            server_link::LinkTarget each = server_link::LinkTarget::from_url(url);
            if (each.is_at(target)) return each;
        }
        return std::nullopt;
    }
    bool is_configured(const server_link::LinkTarget& target) const {
        return configured_at(target).has_value();
    }
    bool may_import(std::string_view subject) const {
        return !permissions.has_value() || permissions->may_publish(subject);
    }
    bool may_export(std::string_view subject) const {
        return !permissions.has_value() || permissions->may_subscribe(subject, {});
    }
    // May that message leave for a server that subscribed to a pattern which overlaps a denied one?
    bool may_leave(std::string_view subject) const {
        return !permissions.has_value() || permissions->may_receive(subject, {});
    }
};

}  // namespace nuring::cluster

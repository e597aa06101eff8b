// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cluster/route_target.h"
#include "core/auth/permissions.h"
#include "core/config/options.h"
#include "proto/info.h"

namespace nuring::tls {
class Profile;
}

namespace nuring::cluster {

// RouteSettings is what all routes of this server go by: an immutable snapshot, replaced as a whole by a
// reload, or when the cluster's name is taken over from others.
// Threads: any.
struct RouteSettings {
    std::shared_ptr<const config::Options> options;
    // Null: clear text.
    std::shared_ptr<const tls::Profile> tls_acceptor;
    std::shared_ptr<const tls::Profile> tls_dialer;
    // `import` is what we ask others for (their messages come in), `export` what others may ask us for.
    std::optional<auth::Permissions> permissions;
    std::string cluster_name;
    bool is_dynamic_name = false;  // made up, so that another one may take its place
    proto::ServerInfo info;        // what this server says of itself on its routes

    const config::ClusterOptions& cluster() const { return options->cluster; }
    bool asks_for_credentials() const { return !cluster().authorization.user.empty(); }
    // Is a server at that place among `routes`?
    bool is_configured(const RouteTarget& target) const {
        return std::any_of(cluster().routes.begin(), cluster().routes.end(), [&](const config::Url& url) {
            return RouteTarget::from_url(url).is_at(target);
        });
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

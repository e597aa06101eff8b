// SPDX-License-Identifier: Apache-2.0
#include "cluster/route_target.h"

#include "absl/strings/match.h"

namespace nuring::cluster {

RouteTarget RouteTarget::from_url(const config::Url& url) {
    return {.host = url.host,
            .port = static_cast<uint16_t>(url.port),
            .user = url.user,
            .password = url.password,
            .text = url.redacted()};
}

bool RouteTarget::is_at(const RouteTarget& other) const {
    return port == other.port && absl::EqualsIgnoreCase(host, other.host);
}

}  // namespace nuring::cluster

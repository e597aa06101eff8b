// SPDX-License-Identifier: Apache-2.0
#include "core/server_link/link_target.h"

#include "absl/strings/match.h"

namespace nuring::server_link {

LinkTarget LinkTarget::from_url(const config::Url& url) {
    return {.host = url.host,
            .port = static_cast<uint16_t>(url.port),
            .user = url.user,
            .password = url.password,
            .text = url.redacted()};
}

bool LinkTarget::is_at(const LinkTarget& other) const {
    return port == other.port && absl::EqualsIgnoreCase(host, other.host);
}

bool is_dialable(const config::Url& url) {
    return !url.host.empty() && url.port > 0 && url.port <= UINT16_MAX;
}

}  // namespace nuring::server_link

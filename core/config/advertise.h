// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/config/url.h"

namespace nuring::config {

// Reads the address that a server announces: host[:port], and no more.
inline absl::StatusOr<Url> parse_advertise(std::string_view text) {
    absl::StatusOr<Url> url = parse_url(text);
    if (url.ok() && (!url->scheme.empty() || url->has_user || !url->path.empty())) {
        return absl::InvalidArgumentError("expected host:port");
    }
    return url;
}

}  // namespace nuring::config

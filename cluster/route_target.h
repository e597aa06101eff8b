// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "core/config/url.h"

namespace nuring::cluster {

// Where a route is dialed.
struct RouteTarget {
    std::string host;
    uint16_t port = 0;
    std::string user;
    std::string password;
    bool is_explicit = false;  // from the configuration; else another server has told of it
    std::string remote_id;     // of whom another server has told; empty: not known before its INFO
    std::string text;          // for logs: the URL without its password

    static RouteTarget from_url(const config::Url& url);
    // The same server? (The reference compares host and port as text, whatever case.)
    bool is_at(const RouteTarget& other) const;
};

}  // namespace nuring::cluster

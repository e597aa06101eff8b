// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "core/config/url.h"

namespace nuring::server_link {

// LinkTarget is one address at which another server is dialed, with the credentials to show there.
// Threads: any; a plain value. Errors: none.
struct LinkTarget {
    std::string host;
    uint16_t port = 0;
    std::string user;
    std::string password;
    bool is_explicit = false;  // from the configuration; else learned from another server
    std::string remote_id;     // of a learned server; empty: not known before its INFO
    std::string account;       // the only one that the link is for; empty: it is not for one alone
    // Of a learned server: attempts that may still end by a conflict of cluster names. A cluster is renamed
    // member by member, and no gossip would come again.
    uint32_t conflicts_left = 30;
    bool expects_address = false;  // of routes: the certificate must show it, and no configured name
    int64_t gossip_mode = 0;   // of routes: how the one that reported it wants the news passed on
    std::string text;          // for logs: the URL without its password

    static LinkTarget from_url(const config::Url& url);
    // The same server? (The reference compares host and port as text, whatever case.)
    bool is_at(const LinkTarget& other) const;
    void take_credentials(const LinkTarget& other) {
        user = other.user;
        password = other.password;
        text = other.text;
    }
    bool has_credentials_of(const LinkTarget& other) const {
        return user == other.user && password == other.password;
    }
};

// Of an address that another server has announced: does it name a host and a port?
bool is_dialable(const config::Url& url);

}  // namespace nuring::server_link

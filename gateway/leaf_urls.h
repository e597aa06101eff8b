// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "core/base/prng.h"
#include "core/config/url.h"
#include "core/server_link/link_target.h"

namespace nuring::gateway {

// LeafUrls is the list of addresses at which one remote can be dialed: the configured ones, and those that
// the hub has announced of its cluster.
//
// Threads: one owner. Limits: the first kLearnedMax announced addresses, the rest is ignored.
// Errors:  announced addresses that are none are ignored.
// Source:  server/leafnode.go, pickNextURL and doUpdateLNURLs 2.9.10 to 2.15.
class LeafUrls {
  public:
    static constexpr uint16_t kDefaultPort = 7422;
    static constexpr size_t kLearnedMax = 256;

    // Not empty. `prng`: shuffles the list; null: it keeps its order.
    LeafUrls(const std::vector<config::Url>& configured, base::Prng* prng);

    // The address to try next: the first of the list, which goes to its end if it is the one that was tried
    // last.
    const server_link::LinkTarget& next();
    // The one that was tried last, or will be tried first.
    const server_link::LinkTarget& current() const { return current_; }
    // The configured host that stands for an announced address in a check of certificates.
    const std::string& certificate_name(const server_link::LinkTarget& target) const;

    // All are of WebSocket ports, or none is.
    bool is_websocket() const { return is_websocket_; }
    bool wants_tls() const { return wants_tls_; }
    // Of the HTTP request at that address: the configured path, and "/leafnode" behind it.
    std::string websocket_path(const server_link::LinkTarget& target) const;

    // The hub's addresses now, "host:port" each, without those that are configured: they come first.
    void learn(const std::vector<std::string>& announced);

    const std::vector<server_link::LinkTarget>& list() const { return list_; }

  private:
    static server_link::LinkTarget target_of(const config::Url& url);
    // An address of the configuration with a path.
    struct Path {
        server_link::LinkTarget target;
        std::string path;
    };

    std::vector<server_link::LinkTarget> configured_;
    std::vector<server_link::LinkTarget> list_;
    server_link::LinkTarget current_;
    std::vector<Path> paths_;
    bool is_websocket_ = false;
    bool wants_tls_ = false;  // tls or wss in a URL
    bool is_tried_ = false;
    // Of the first configured address that has them, for those that have none.
    std::string user_;
    std::string password_;
};

}  // namespace nuring::gateway

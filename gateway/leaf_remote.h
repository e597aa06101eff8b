// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "core/delivery/delivery.h"
#include "core/server_link/link_target.h"
#include "core/server_link/retry_dialer.h"
#include "gateway/leaf_settings.h"
#include "gateway/leaf_urls.h"

namespace nuring::link {
struct Handover;
struct WebsocketTerms;
}  // namespace nuring::link

namespace nuring::gateway {

class LeafLink;
class LeafLinks;
class LeafUpgrade;

// LeafRemote is one hub that this server dials: it tries its addresses one after the other until a link
// stands, and again when that has ended.
//
//   start --> dialing --connected--> [LeafUpgrade -->] LeafLink --closed--> pause --> dialing
//
// Threads:  its worker, the same for all its links.
// Limits:   one attempt takes `dial_timeout` (1 s); between two passes `reconnect` and up to as much again,
//           30 s after a loop. Errors: logged, and tried again for ever.
// Lifetime: owned by LeafLinks; when it is removed, its link is closed and dials no more.
// Source:   server/leafnode.go, connectToRemoteLeafNode 2.9.10 to 2.15.
class LeafRemote final : private server_link::RetryDialer::User {
  public:
    LeafRemote(LeafLinks& all, delivery::Delivery& delivery,
               std::shared_ptr<const LeafRemoteSettings> settings);
    ~LeafRemote();
    LeafRemote(const LeafRemote&) = delete;
    LeafRemote& operator=(const LeafRemote&) = delete;

    void start(uint64_t delay_ns);
    LeafLinks& all() { return all_; }
    const std::shared_ptr<const LeafRemoteSettings>& settings() const { return settings_; }
    // For the links to come: the options are the same, but the content of their TLS files may have changed.
    void renew(std::shared_ptr<const LeafRemoteSettings> settings) { settings_ = std::move(settings); }
    LeafUrls& urls() { return urls_; }

    // The link has ended; the next attempt begins after that time.
    void on_link_closed(uint64_t delay_ns);
    // The connection to a WebSocket port has become a WebSocket.
    void on_upgraded(link::Handover&& connection, const link::WebsocketTerms& terms,
                     const server_link::LinkTarget& target);

  private:
    // server_link::RetryDialer::User
    std::optional<server_link::LinkTarget> next_target(server_link::RetryDialer& dialer) override;
    void on_attempt(server_link::RetryDialer& dialer) override;
    void on_connected(server_link::RetryDialer& dialer, int fd) override;
    bool on_failed(server_link::RetryDialer& dialer, const absl::Status& error) override;
    void on_ended(server_link::RetryDialer& dialer) override;

    LeafLinks& all_;
    delivery::Delivery& delivery_;
    std::shared_ptr<const LeafRemoteSettings> settings_;
    LeafUrls urls_;
    std::unique_ptr<server_link::RetryDialer> dialer_;  // null: a link stands
    std::unique_ptr<server_link::RetryDialer> ended_;   // the last one: it ended within a call of its own
    LeafUpgrade* upgrade_ = nullptr;  // of a WebSocket port: before the link
    LeafLink* link_ = nullptr;
    bool was_connected_ = false;
    uint64_t lost_delay_ns_ = 0;  // after the last link
};

}  // namespace nuring::gateway

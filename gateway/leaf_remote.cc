// SPDX-License-Identifier: Apache-2.0
#include "gateway/leaf_remote.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <utility>

#include "core/base/host_port.h"
#include "core/base/status.h"
#include "core/link/handover.h"
#include "core/link/websocket_channel.h"
#include "fmt/format.h"
#include "gateway/leaf_link.h"
#include "gateway/leaf_links.h"
#include "gateway/leaf_upgrade.h"
#include "proto/quote.h"

namespace nuring::gateway {
namespace {

constexpr uint64_t kLeafDialTimeout_ns = 1'000'000'000;

server_link::RetryRules leaf_rules_of(const LeafRemoteSettings& settings) {
    server_link::RetryRules rules;
    rules.attempt_ns = settings.dial_timeout_ns == 0 ? kLeafDialTimeout_ns : settings.dial_timeout_ns;
    rules.pause_ns = settings.reconnect_ns;
    rules.jitter_ns = static_cast<uint32_t>(
        std::min<uint64_t>(settings.reconnect_ns, std::numeric_limits<uint32_t>::max()));
    return rules;
}

std::string shown_address(const server_link::LinkTarget& target) {
    return proto::quote(base::host_port(target.host, target.port));
}

}  // namespace

LeafRemote::LeafRemote(LeafLinks& all, delivery::Delivery& delivery,
                       std::shared_ptr<const LeafRemoteSettings> settings)
    : all_(all),
      delivery_(delivery),
      settings_(std::move(settings)),
      urls_(settings_->options.urls, settings_->options.no_randomize ? nullptr : &delivery.prng) {}

LeafRemote::~LeafRemote() {
    const auto reason =
        all_.stopping() ? link::CloseReason::kServerShutdown : link::CloseReason::kLeafRemoteRemoved;
    if (upgrade_ != nullptr) upgrade_->leave_remote(reason);
    if (link_ != nullptr) link_->leave_remote(reason);
}

void LeafRemote::start(uint64_t delay_ns) {
    assert(dialer_ == nullptr);
    assert(link_ == nullptr);
    auto& user = static_cast<server_link::RetryDialer::User&>(*this);
    dialer_ = std::make_unique<server_link::RetryDialer>(user, delivery_, urls_.current(),
                                                         leaf_rules_of(*settings_));
    dialer_->start(delay_ns);
}

std::optional<server_link::LinkTarget> LeafRemote::next_target(server_link::RetryDialer& /*dialer*/) {
    if (all_.stopping() || delivery_.host.refuses_clients()) return std::nullopt;
    return urls_.next();
}

void LeafRemote::on_attempt(server_link::RetryDialer& dialer) {
    delivery_.host.log.debug("Trying to connect as leafnode to remote server on {}", shown_address(dialer.target()));
}

void LeafRemote::on_connected(server_link::RetryDialer& dialer, int fd) {
    assert(link_ == nullptr);
    assert(upgrade_ == nullptr);
    if (all_.stopping() || delivery_.host.refuses_clients()) return delivery_.host.ring.close(fd);
    was_connected_ = true;
    if (urls_.is_websocket()) {
        upgrade_ = new LeafUpgrade(delivery_, fd, *this, dialer.target());  // the worker deletes it
        return upgrade_->greet();
    }
    link_ = new LeafLink(delivery_, fd, *this, dialer.target());  // the worker deletes it
    link_->greet();
}

void LeafRemote::on_upgraded(link::Handover&& connection, const link::WebsocketTerms& terms,
                             const server_link::LinkTarget& target) {
    assert(upgrade_ != nullptr);
    upgrade_ = nullptr;
    link_ = new LeafLink(delivery_, std::move(connection), terms, *this, target);  // the worker deletes it
    link_->greet();
}

bool LeafRemote::on_failed(server_link::RetryDialer& dialer, const absl::Status& error) {
    const int64_t attempts = dialer.attempts();
    const std::string text =
        fmt::format("Error trying to connect as leafnode to remote server {} (attempt {}): {}",
                    shown_address(dialer.target()), attempts, base::message_of(error));
    if (server_link::is_reported(attempts, *all_.settings()->options, was_connected_)) {
        delivery_.host.log.error("{}", text);
    } else {
        delivery_.host.log.debug("{}", text);
    }
    return true;
}

// Kept until the next one ends: this is one of its calls.
void LeafRemote::on_ended(server_link::RetryDialer& dialer) {
    assert(dialer_.get() == &dialer);
    ended_ = std::move(dialer_);
    if (was_connected_ && link_ == nullptr && upgrade_ == nullptr && !all_.stopping()) start(lost_delay_ns_);
}

void LeafRemote::on_link_closed(uint64_t delay_ns) {
    upgrade_ = nullptr;
    link_ = nullptr;
    lost_delay_ns_ = delay_ns;
    if (all_.stopping() || delivery_.host.refuses_clients()) return;
    if (dialer_ != nullptr) return;  // the link ended within on_connected(): see on_ended()
    start(delay_ns);
}

}  // namespace nuring::gateway

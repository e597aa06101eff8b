// SPDX-License-Identifier: Apache-2.0
#include "gateway/leaf_upgrade.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <string>
#include <utility>

#include "core/base/host_port.h"
#include "core/link/handover.h"
#include "core/link/websocket_channel.h"
#include "gateway/leaf_remote.h"
#include "proto/http_head.h"

namespace nuring::gateway {
namespace {

uint64_t upgrade_ns(std::chrono::nanoseconds time) { return static_cast<uint64_t>(time.count()); }

}  // namespace

LeafUpgrade::LeafUpgrade(delivery::Delivery& delivery, int fd, LeafRemote& remote,
                         server_link::LinkTarget target)
    : link::Link(delivery.host, fd, proto::Kind::kInternal),
      remote_(&remote),
      settings_(remote.settings()),
      target_(std::move(target)) {}

LeafUpgrade::~LeafUpgrade() { host_.timers.disarm(timer_); }

void LeafUpgrade::greet() {
    if (!remote_->urls().wants_tls() && !settings_->options.tls.has_value()) {
        start();
        return ask();
    }
    const auto& tls = settings_->options.tls;
    const bool is_checked = !tls.has_value() || !tls->insecure;
    arm_timer(upgrade_ns(tls.has_value() ? tls->timeout : config::TlsOptions().timeout));
    start_tls_client(settings_->tls_dialer,
                     is_checked ? remote_->urls().certificate_name(target_) : target_.host);
}

void LeafUpgrade::leave_remote(link::CloseReason reason) {
    remote_ = nullptr;
    if (open()) close(reason);
}

void LeafUpgrade::arm_timer(uint64_t after_ns) {
    host_.timers.arm(timer_, host_.ring.now_ns() + after_ns);
}

void LeafUpgrade::on_late() {
    if (handshaking()) return fail_handshake("i/o timeout");
    refuse("i/o timeout");
}

bool LeafUpgrade::on_handshake_begun() {
    host_.log.debug("{} - Starting TLS leafnode client handshake", label());
    return true;
}

void LeafUpgrade::on_handshake_done() {
    const auto& tls = settings_->options.tls;
    if (tls.has_value() && !has_pinned_certificate(tls->pinned_certs)) {
        return fail_handshake("certificate not pinned");
    }
    ask();
}

void LeafUpgrade::on_handshake_failed(std::string_view error) {
    host_.log.error("{} - TLS leafnode handshake error: {}", label(), error);
}

void LeafUpgrade::ask() {
    if (remote_ == nullptr) return;
    arm_timer(upgrade_ns(settings_->options.first_info_timeout));
    std::array<unsigned char, proto::kWebsocketNonceSize> random;
    host_.ring.fill_random(random);
    dial_ = {.path = remote_->urls().websocket_path(target_),
             .host = base::host_port(target_.host, target_.port),
             .key = proto::make_websocket_key({reinterpret_cast<const char*>(random.data()), random.size()}),
             .compression = settings_->options.websocket_compression,
             .no_masking = settings_->options.websocket_no_masking};
    queue(proto::make_websocket_request(dial_));
}

size_t LeafUpgrade::consume(const char* begin, const char* end) {
    const std::string_view input(begin, static_cast<size_t>(end - begin));
    const size_t scanned = std::min(take_scanned_bytes(), input.size());
    const size_t size = proto::find_http_head_end(input, scanned);
    if (size == 0 && input.size() <= proto::kWebsocketHeadBytesMax) {
        need(0, input.size());
        return 0;
    }
    if (size == 0 || size > proto::kWebsocketHeadBytesMax) {
        refuse("invalid websocket connection");
        return input.size();
    }
    answer_ = proto::read_websocket_answer(input.substr(0, size), dial_);
    if (!answer_.error.empty()) {
        refuse(answer_.error);
    } else {
        begin_handover();  // what stands behind the head goes with it
    }
    return size;
}

void LeafUpgrade::refuse(std::string_view error) {
    host_.log.error("{} - Error soliciting websocket connection: {}", label(), error);
    close(link::CloseReason::kReadError);
}

void LeafUpgrade::hand_over(link::Handover&& connection) {
    host_.timers.disarm(timer_);
    LeafRemote* remote = std::exchange(remote_, nullptr);
    if (remote == nullptr) return host_.ring.close(connection.fd);
    remote->on_upgraded(std::move(connection), {.dialed = true,
                                                .compression = answer_.compression,
                                                .masks_optional = answer_.no_masking}, target_);
}

void LeafUpgrade::on_close() {
    host_.timers.disarm(timer_);
    if (remote_ == nullptr) return;
    std::exchange(remote_, nullptr)->on_link_closed(settings_->reconnect_ns);
}

}  // namespace nuring::gateway

// SPDX-License-Identifier: Apache-2.0
#include "core/websocket/guest.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <string>
#include <utility>

#include "core/base/host_port.h"
#include "core/link/handover.h"
#include "core/websocket/guest_host.h"
#include "proto/http_head.h"

namespace nuring::websocket {
namespace {

constexpr std::string_view kEarlyBytes = "client sent data before handshake is complete";

// The first bytes of HTTP on a TLS port. Source: crypto/tls, tlsRecordHeaderLooksLikeHTTP.
constexpr size_t kClearTextSize = 5;
constexpr std::array<std::string_view, 5> kClearTextStarts = {"GET /", "HEAD ", "POST ", "PUT /",
                                                              "OPTIO"};
constexpr std::string_view kClearTextAnswer =
    "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

// The size of a complete first line that is not HTTP's, 0: none. It ends the wait for a request.
size_t foreign_line_size(std::string_view input) {
    const size_t end = input.find('\n');
    if (end == std::string_view::npos ||
        input.substr(0, end).find(" HTTP/") != std::string_view::npos) {
        return 0;
    }
    return end + 1;
}

}  // namespace

Guest::Guest(GuestHost& guest_host, link::LinkHost& host, int fd)
    : link::Link(host, fd, proto::Kind::kInternal),
      guest_host_(guest_host),
      settings_(guest_host.settings()) {}

Guest::~Guest() {
    host_.timers.disarm(timer_);
}

void Guest::greet() {
    arm_timer();
    receive_in_small_runs(true);
    start();
    // "Optional" lets clear text through, which consume() answers.
    if (settings_->tls != nullptr) start_tls(settings_->tls, /*optional=*/true);
}

// On a TLS port, and the handshake is not done.
bool Guest::before_tls() const {
    return settings_->tls != nullptr && tls_engine() == nullptr;
}

void Guest::arm_timer() {
    host_.timers.arm(timer_, host_.ring.now_ns() + settings_->handshake_ns);
}

void Guest::on_late() {
    if (before_tls()) return fail_handshake("i/o timeout");
    close(link::CloseReason::kReadError);  // without a word, as a read deadline ends
}

std::string Guest::label() const {
    return address();
}

std::string Guest::address() const {
    return base::host_port(peer_host(), peer_port());
}

void Guest::on_handshake_done() {
    const auto& options = settings_->options->websocket.tls;
    if (options.has_value() && !has_pinned_certificate(options->pinned_certs)) {
        return fail_handshake("certificate not pinned");
    }
    arm_timer();
}

void Guest::on_handshake_failed(std::string_view error) {
    host_.log.error("websocket: TLS handshake error from {}: {}", address(), error);
}

size_t Guest::refuse_clear_text(std::string_view input) {
    if (input.size() < kClearTextSize) {
        need(kClearTextSize, 0);
        return 0;
    }
    const bool is_http = std::find(kClearTextStarts.begin(), kClearTextStarts.end(),
                                   input.substr(0, kClearTextSize)) != kClearTextStarts.end();
    if (is_http) queue(kClearTextAnswer);
    if (open()) {
        fail_handshake(is_http ? "client sent an HTTP request to an HTTPS server"
                               : "tls: first record does not look like a TLS handshake");
    }
    return input.size();
}

size_t Guest::consume(const char* begin, const char* end) {
    const std::string_view input(begin, static_cast<size_t>(end - begin));
    if (before_tls()) return refuse_clear_text(input);
    size_t used = 0;
    while (used < input.size() && open() && !paused()) {
        const size_t size = consume_request(input.substr(used));
        if (size == 0) break;
        used += size;
    }
    return used;
}

// Size of the request, which was answered; 0: it is not complete.
size_t Guest::consume_request(std::string_view input) {
    const size_t scanned = std::min(take_scanned_bytes(), input.size());
    size_t size = proto::find_http_head_end(input, scanned);
    if (size == 0) size = foreign_line_size(input);
    if (size == 0 && input.size() <= proto::kWebsocketHeadBytesMax) {
        need(0, input.size());
        return 0;
    }
    if (size == 0 || size > proto::kWebsocketHeadBytesMax) {
        refuse(proto::refuse_long_websocket_head(), /*goes_on=*/false);
        return input.size();
    }
    answer(input.substr(0, size), size == input.size());
    return size;
}

void Guest::refuse(const std::string& answer, bool goes_on) {
    queue(answer);
    if (!goes_on && open()) close(link::CloseReason::kProtocolViolation);
}

void Guest::answer(std::string_view head, bool is_last) {
    const PortSettings& settings = *settings_;
    upgrade_ =
        proto::read_websocket_upgrade(head, {.tls = settings.tls != nullptr,
                                             .compression = settings.options->websocket.compression,
                                             .mqtt = false,
                                             .origins = &settings.origins});
    if (upgrade_.refusal.empty() && !is_last) {
        host_.log.error("{} - websocket handshake error: {}", address(), kEarlyBytes);
        return close(link::CloseReason::kReadError);
    }
    if (!upgrade_.reason.empty()) {
        host_.log.error("{} - websocket handshake error: {}", address(), upgrade_.reason);
    }
    if (!upgrade_.refusal.empty()) return refuse(upgrade_.refusal, upgrade_.goes_on);
    queue(proto::make_websocket_answer(upgrade_, settings.header_lines));
    if (!open()) return;
    if (upgrade_.endpoint == proto::WebsocketEndpoint::kLeafnode && !guest_host_.accepts_leafnodes()) {
        host_.log.error("Not configured to accept leaf node connections");
        return close(link::CloseReason::kProtocolViolation);
    }
    begin_handover();
}

void Guest::hand_over(link::Handover&& connection) {
    host_.timers.disarm(timer_);
    guest_host_.pass_on(*this, std::move(connection), upgrade_);
}

void Guest::on_close() {
    if (before_tls() && close_reason() == link::CloseReason::kClientClosed) {
        on_handshake_failed("EOF");
    }
    host_.timers.disarm(timer_);
    guest_host_.release_guest(*this);
}

}  // namespace nuring::websocket

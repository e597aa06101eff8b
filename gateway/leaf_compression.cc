// SPDX-License-Identifier: Apache-2.0
// LeafLink: compression. The side that dialed asks for it, before CONNECT and behind TLS.
// Source: server/leafnode.go, processLeafnodeInfo and negotiateLeafCompression 2.15.
#include <cassert>
#include <optional>

#include "fmt/format.h"
#include "gateway/leaf_link.h"
#include "proto/quote.h"

namespace nuring::gateway {

using server_link::Compression;

namespace {

// The hub answers at once.
constexpr uint64_t kCompressedInfo_ns = 2'000'000'000;

}  // namespace

const config::CompressionOptions& LeafLink::compression_options() const {
    return is_solicited() ? remote_settings_->options.compression : settings_->leafnodes().compression;
}

// The compression of both ends; nothing: the link was closed.
std::optional<Compression> LeafLink::choose_compression(std::string_view mode) {
    if (compresses_websocket()) return Compression::kOff;
    const auto chosen =
        server_link::select_compression(compression_options(), mode, rtt_for_compression_ns());
    if (!chosen.has_value()) {
        refuse_peer(fmt::format("unsupported route compression mode {}", proto::quote(mode)),
                    link::CloseReason::kProtocolViolation);
    }
    return chosen;
}

// The mode as this end's INFO has it.
std::string LeafLink::announced_compression() const {
    if (compresses_websocket()) return {};
    const config::CompressionMode mode = compression_options().mode;
    const bool names_mode =
        compression() == Compression::kNotNegotiated || mode == config::CompressionMode::kAuto;
    return std::string(names_mode ? server_link::mode_text(mode) : to_text(compression()));
}

// Of the side that dialed, when the hub's INFO is there, and TLS if there is any.
void LeafLink::ask_for_compression() {
    assert(is_solicited());
    const std::optional<Compression> chosen = choose_compression(hub_info_.compression);
    if (!chosen.has_value()) return;
    set_compression(*chosen);
    if (!compresses(*chosen)) return prove();
    proto::ServerInfo request;
    request.proto = 0;
    request.client_id = hub_info_.client_id;
    request.compression = announced_compression();
    send_info(request, " ");
    if (!open()) return;
    begin_compression(*chosen);
    stage_ = Stage::kCompress;
    arm_wait(kCompressedInfo_ns);
}

// Of the hub's side: a leafnode has nothing else to say in an INFO, and only before CONNECT.
void LeafLink::answer_compression(const proto::ServerInfo& info) {
    if (!may_precede_login(proto::RouteVerb::kInfo)) return;
    const std::optional<Compression> chosen = choose_compression(info.compression);
    if (!chosen.has_value()) return;
    if (!compresses(*chosen)) return set_compression(*chosen);
    begin_compression(*chosen);
    proto::ServerInfo answer = own_info();
    answer.compression = announced_compression();
    send_info(answer, " ");
}

bool LeafLink::may_precede_login(proto::RouteVerb verb) const {
    return verb == proto::RouteVerb::kInfo && !is_solicited() && awaits_login() &&
           compression() == Compression::kNotNegotiated;
}

// A leafnode without compression says so in its CONNECT.
void LeafLink::note_compression(std::string_view mode) {
    if (compression() != Compression::kNotNegotiated) return;
    set_compression(mode == to_text(Compression::kOff) ? Compression::kOff : Compression::kNotSupported);
}

void LeafLink::on_pong() { adapt_level(compression_options()); }

}  // namespace nuring::gateway

// SPDX-License-Identifier: Apache-2.0
// Route: compression.
// Source: server/route.go, processRouteInfo and negotiateRouteCompression, server/reload.go 2.15.
#include "cluster/route.h"
#include "fmt/format.h"
#include "proto/quote.h"

namespace nuring::cluster {

using server_link::Compression;

// The side that dialed says nothing between the INFO in clear text and the first compressed one of the other.
bool Route::may_ping() const {
    if (serving() || !may_compress()) return true;
    if (compression() == Compression::kNotNegotiated) return false;
    return !is_solicited() || !compresses(compression());
}

// False: the two begin to compress, and the other one's next INFO is the first; or the link was closed.
bool Route::agree_on_compression(const proto::ServerInfo& info) {
    if (compression() != Compression::kNotNegotiated) return true;
    const std::optional<Compression> chosen = server_link::select_compression(
        settings_->cluster().compression, info.compression, rtt_for_compression_ns());
    if (!chosen.has_value()) {
        refuse_peer(fmt::format("unsupported route compression mode {}", proto::quote(info.compression)),
                    link::CloseReason::kProtocolViolation);
        return false;
    }
    if (!compresses(*chosen)) {
        set_compression(*chosen);
        return true;
    }
    // A stranger gets no memory to decompress in.
    if (!is_solicited() && !has_connect_) {
        refuse_peer("Compression asked for before CONNECT", link::CloseReason::kProtocolViolation);
        return false;
    }
    if (is_solicited()) {
        set_compression(*chosen);
        send_info(first_info(), " ");
        if (open()) begin_compression(*chosen);
    } else {
        begin_compression(*chosen);
        send_info(first_info(), " ");
    }
    return false;
}

}  // namespace nuring::cluster

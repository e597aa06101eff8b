// SPDX-License-Identifier: Apache-2.0
// Reply subjects on their way through gateways. A request may reach the other cluster before the interest in
// its reply subject does; so the reply subject names the cluster, and the server, that the answer has to
// go back to.
//
//   _GR_.<cluster: 6>.<server: 6>.<reply>    mapped, since 2.1.2
//   $GR.<cluster: 4>.<reply>                 mapped, before
//
// Threads: any. Errors: none. Limits: the hashes have fixed sizes and are looked at by their place alone, as
//          in the reference: the dots behind them are not checked.
// Source:  server/gateway.go 2.0.0-RC19 ($GR) and 2.15.3.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace nuring::proto {

inline constexpr size_t kGatewayHashSize = 6;
inline constexpr size_t kOldGatewayHashSize = 4;

// Of a SHA-256 of a cluster's name or a server's id: what stands in a mapped reply.
std::string gateway_hash(std::span<const uint8_t> digest);
std::string old_gateway_hash(std::span<const uint8_t> digest);

struct GatewayReply {
    std::string_view cluster;  // hash
    std::string_view server;   // hash; empty in the older form
    std::string_view reply;    // never empty

    bool is_old() const { return server.empty(); }
};

// Nothing: not a mapped reply.
std::optional<GatewayReply> parse_gateway_reply(std::string_view subject);

// A mapped reply without its prefix, any other subject as it is: permissions are about that.
std::string_view without_gateway_prefix(std::string_view subject);

// ReplyOrigin is the prefix of a mapped reply, "_GR_.<cluster>.<server>.", apart from the reply itself: the
// subscriber of a request sees the reply alone, and the answer needs the prefix again.
// Lifetime: a plain value, copied with the message that it belongs to.
class ReplyOrigin {
  public:
    static constexpr size_t kSize = 19;

    ReplyOrigin() = default;
    // Of a mapped reply; else empty. The older form stays visible to the subscriber and has none.
    static ReplyOrigin of(std::string_view reply);
    // Both of kGatewayHashSize.
    static ReplyOrigin make(std::string_view cluster, std::string_view server);

    bool empty() const { return text_[0] == '\0'; }
    std::string_view prefix() const { return {text_.data(), empty() ? 0 : kSize}; }
    std::string_view server() const { return prefix().substr(empty() ? 0 : 12, kGatewayHashSize); }
    std::string_view cluster() const { return prefix().substr(empty() ? 0 : 5, kGatewayHashSize); }

    friend bool operator==(const ReplyOrigin&, const ReplyOrigin&) = default;

  private:
    std::array<char, kSize> text_{};
};

}  // namespace nuring::proto

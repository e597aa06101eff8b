// SPDX-License-Identifier: Apache-2.0
// The `gateway` block.
#include <fmt/format.h>

#include <utility>

#include "core/config/duration.h"
#include "core/config/names.h"
#include "core/config/reader.h"

namespace nuring::config {
namespace {

constexpr Row<RemoteGateway> kRemoteRows[] = {
    {"name", [](Reader& r, const Member& m, RemoteGateway* g) { r.text(m.value, &g->name); }},
    {"url",
     [](Reader& r, const Member& m, RemoteGateway* g) {
         Url url;
         if (r.url(m.value, "gateway", &url)) g->urls.push_back(std::move(url));
     }},
    {"urls",
     [](Reader& r, const Member& m, RemoteGateway* g) { r.urls(m.value, "gateway", &g->urls); }},
    {"tls", [](Reader& r, const Member& m,
               RemoteGateway* g) { read_tls(r, m.value, TlsSide::kLinkRemote, &g->tls); }},
};

void read_remotes(Reader& reader, const Member& member, GatewayOptions* gateway) {
    if (member.value.type != ValueType::kArray) {
        return reader.error(
            member.value,
            fmt::format("Expected gateways field to be an array, got {}", member.value.go_type()));
    }
    gateway->gateways.clear();
    for (const Value& element : member.value.elements) {
        if (element.type != ValueType::kMap) {
            reader.error(element, fmt::format("Expected gateway entry to be a map/struct, got {}",
                                              element.go_type()));
            continue;
        }
        RemoteGateway remote;
        read_block(reader, element, kRemoteRows, &remote);
        gateway->gateways.push_back(std::move(remote));
    }
}

void read_gateway_authorization(Reader& reader, const Member& member, GatewayOptions* gateway) {
    AuthorizationBlock block;
    if (!read_authorization(reader, member.value, &block)) return;
    if (block.has_users) {
        return reader.error(member.value, "Gateway authorization does not allow multiple users");
    }
    if (!block.token.empty()) {
        return reader.error(member.value, "Gateway authorization does not support tokens");
    }
    if (block.has_callout) {
        return reader.error(member.value, "Gateway authorization does not support callouts");
    }
    gateway->authorization.user = block.user;
    gateway->authorization.password = block.password;
    if (block.timeout_given) gateway->authorization.timeout = block.timeout;
    gateway->authorization.timeout_given = block.timeout_given;
}

void read_name(Reader& reader, const Member& member, GatewayOptions* gateway) {
    std::string name;
    if (!reader.text(member.value, &name)) return;
    if (name.find(' ') != std::string::npos) {
        return reader.error(member.value, "gateway name cannot contain spaces");
    }
    if (name == kReservedClusterName) {
        return reader.error(member.value, "cluster name is reserved");
    }
    gateway->name = std::move(name);
}

void read_gateway_ping(Reader& reader, const Member& member, GatewayOptions* gateway) {
    read_ping_interval(reader, member, &gateway->times);
    if (gateway->times.ping_interval <= kGatewayPingIntervalMax) return;
    reader.plain_warning(member.value,
                         fmt::format("Gateway 'ping_interval' will reset to {} which is the max for "
                                     "gateways",
                                     format_duration(kGatewayPingIntervalMax)));
}

constexpr Row<GatewayOptions> kGatewayRows[] = {
    {"name", read_name},
    {"listen",
     [](Reader& r, const Member& m, GatewayOptions* g) { r.listen(m.value, &g->host, &g->port); }},
    {"port", [](Reader& r, const Member& m, GatewayOptions* g) { r.port(m.value, &g->port); }},
    {"host net", [](Reader& r, const Member& m, GatewayOptions* g) { r.text(m.value, &g->host); }},
    {"authorization", read_gateway_authorization},
    {"tls", [](Reader& r, const Member& m,
               GatewayOptions* g) { read_tls(r, m.value, TlsSide::kLinks, &g->tls); }},
    {"advertise",
     [](Reader& r, const Member& m, GatewayOptions* g) { r.text(m.value, &g->advertise); }},
    {"connect_retries",
     [](Reader& r, const Member& m, GatewayOptions* g) { r.number(m.value, &g->connect_retries); }},
    {"connect_backoff", [](Reader& r, const Member& m,
                           GatewayOptions* g) { r.boolean(m.value, &g->connect_backoff); }},
    {"reject_unknown reject_unknown_cluster",
     [](Reader& r, const Member& m, GatewayOptions* g) { r.boolean(m.value, &g->reject_unknown); }},
    {"gateways", read_remotes},
    {"ping_interval", read_gateway_ping},
    {"ping_max",
     [](Reader& r, const Member& m, GatewayOptions* g) { r.number(m.value, &g->times.ping_max); }},
    {"write_deadline",
     [](Reader& r, const Member& m, GatewayOptions* g) { read_link_deadline(r, m, &g->times); }},
    {"write_timeout",
     [](Reader& r, const Member& m, GatewayOptions* g) {
         read_write_timeout(r, m, &g->times.write_timeout);
     }},
};

}  // namespace

void read_gateway(Reader& reader, const Value& value) {
    if (value.type != ValueType::kMap) {
        return reader.error(value,
                            fmt::format("Expected gateway to be a map, got {}", value.go_type()));
    }
    reader.note(value, Part::kGateway);
    GatewayOptions gateway;
    read_block(reader, value, kGatewayRows, &gateway);
    reader.options()->gateway = std::move(gateway);
}

}  // namespace nuring::config

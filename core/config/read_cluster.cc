// SPDX-License-Identifier: Apache-2.0
// The `cluster` block.
#include <fmt/format.h>

#include <utility>

#include "core/config/duration.h"
#include "core/config/names.h"
#include "core/config/reader.h"
#include "proto/subject.h"

namespace nuring::config {
namespace {

struct ClusterBlock {
    ClusterOptions out;
    bool has_permissions = false;
};

// Routes know no queue names in permissions.
std::string cluster_permission_fault(const Permissions& permissions) {
    const struct {
        std::string_view name;
        const std::vector<std::string>& subjects;
    } lists[] = {{"import allow", permissions.publish.allow},
                 {"import deny", permissions.publish.deny},
                 {"export allow", permissions.subscribe.allow},
                 {"export deny", permissions.subscribe.deny}};
    for (const auto& list : lists) {
        for (const std::string& subject : list.subjects) {
            if (proto::is_valid_subject(subject)) continue;
            return fmt::format("cluster {}: subject \"{}\" is not a valid subject", list.name, subject);
        }
    }
    return "";
}

void read_link_authorization(Reader& reader, const Member& member, ClusterBlock* cluster) {
    AuthorizationBlock block;
    if (!read_authorization(reader, member.value, &block)) return;
    if (block.has_users) {
        return reader.error(member.value, "Cluster authorization does not allow multiple users");
    }
    if (!block.token.empty()) {
        return reader.error(member.value, "Cluster authorization does not support tokens");
    }
    if (block.has_callout) {
        return reader.error(member.value, "Cluster authorization does not support callouts");
    }
    LinkAuthorization& out = cluster->out.authorization;
    out.user = block.user;
    out.password = block.password;
    if (block.timeout_given) out.timeout = block.timeout;
    out.timeout_given = block.timeout_given;
    if (!block.default_permissions) return;
    const std::string fault = cluster_permission_fault(*block.default_permissions);
    if (!fault.empty()) return reader.error(member.value, fault);
    reader.warning(member.value, member.key,
                   "setting \"permissions\" within cluster authorization block is deprecated");
    if (!cluster->has_permissions) cluster->out.permissions = block.default_permissions;
}

void read_routes(Reader& reader, const Member& member, ClusterBlock* cluster) {
    reader.urls(member.value, "route", &cluster->out.routes);
}

void read_cluster_permissions(Reader& reader, const Member& member, ClusterBlock* cluster) {
    Permissions permissions;
    if (!read_permissions(reader, member.value, &permissions)) return;
    if (permissions.responses) {
        return reader.error(member.value, "Cluster permissions do not support dynamic responses");
    }
    if (const std::string fault = cluster_permission_fault(permissions); !fault.empty()) {
        return reader.error(member.value, fault);
    }
    cluster->has_permissions = true;
    cluster->out.permissions = std::move(permissions);
}

void read_name(Reader& reader, const Member& member, ClusterBlock* cluster) {
    std::string name;
    if (!reader.text(member.value, &name)) return;
    if (has_blanks(name)) {
        return reader.error(member.value, "cluster name cannot contain spaces");
    }
    if (name == kReservedClusterName) {
        return reader.error(member.value, "cluster name is reserved");
    }
    cluster->out.name = std::move(name);
}

void read_route_ping(Reader& reader, const Member& member, ClusterBlock* cluster) {
    read_ping_interval(reader, member, &cluster->out.times);
    if (cluster->out.times.ping_interval <= kRoutePingIntervalMax) return;
    reader.plain_warning(member.value,
                         fmt::format("Cluster 'ping_interval' will reset to {} which is the max for "
                                     "routes",
                                     format_duration(kRoutePingIntervalMax)));
}

constexpr Row<ClusterBlock> kClusterRows[] = {
    {"name", read_name},
    {"listen", [](Reader& r, const Member& m,
                  ClusterBlock* c) { r.listen(m.value, &c->out.host, &c->out.port); }},
    {"port", [](Reader& r, const Member& m, ClusterBlock* c) { r.port(m.value, &c->out.port); }},
    {"host net",
     [](Reader& r, const Member& m, ClusterBlock* c) { r.text(m.value, &c->out.host); }},
    {"authorization", read_link_authorization},
    {"routes", read_routes},
    {"tls", [](Reader& r, const Member& m,
               ClusterBlock* c) { read_tls(r, m.value, TlsSide::kLinks, &c->out.tls); }},
    {"cluster_advertise advertise",
     [](Reader& r, const Member& m, ClusterBlock* c) { r.text(m.value, &c->out.advertise); }},
    {"no_advertise",
     [](Reader& r, const Member& m, ClusterBlock* c) { r.boolean(m.value, &c->out.no_advertise); }},
    {"connect_retries", [](Reader& r, const Member& m,
                           ClusterBlock* c) { r.number(m.value, &c->out.connect_retries); }},
    {"connect_backoff", [](Reader& r, const Member& m,
                           ClusterBlock* c) { r.boolean(m.value, &c->out.connect_backoff); }},
    {"permissions", read_cluster_permissions},
    {"pool_size",
     [](Reader& r, const Member& m, ClusterBlock* c) { r.number(m.value, &c->out.pool_size); }},
    {"accounts",
     [](Reader& r, const Member& m, ClusterBlock* c) {
         r.names(m.value, "accounts", &c->out.pinned_accounts);
     }},
    {"compression",
     [](Reader& r, const Member& m, ClusterBlock* c) {
         read_compression(r, m, CompressionMode::kFast, &c->out.compression);
     }},
    {"ping_interval", read_route_ping},
    {"ping_max", [](Reader& r, const Member& m,
                    ClusterBlock* c) { r.number(m.value, &c->out.times.ping_max); }},
    {"write_deadline", [](Reader& r, const Member& m,
                          ClusterBlock* c) { read_link_deadline(r, m, &c->out.times); }},
    {"write_timeout",
     [](Reader& r, const Member& m, ClusterBlock* c) {
         read_write_timeout(r, m, &c->out.times.write_timeout);
     }},
};

}  // namespace

void read_cluster(Reader& reader, const Value& value) {
    if (value.type != ValueType::kMap) {
        return reader.error(value,
                            fmt::format("Expected map to define cluster, got {}", value.go_type()));
    }
    reader.note(value, Part::kCluster);
    ClusterBlock block;
    read_block(reader, value, kClusterRows, &block);
    reader.options()->cluster = std::move(block.out);
}

}  // namespace nuring::config

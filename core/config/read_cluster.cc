// SPDX-License-Identifier: Apache-2.0
// The `cluster` block.
#include <fmt/format.h>

#include <utility>

#include "core/config/reader.h"

namespace nuring::config {
namespace {

struct ClusterBlock {
    ClusterOptions out;
    bool has_permissions = false;
};

void read_link_authorization(Reader& reader, const Member& member, ClusterBlock* cluster) {
    AuthorizationBlock block;
    if (!read_authorization(reader, member.value, &block)) return;
    if (block.has_users) {
        return reader.error(member.value, "Cluster authorization does not allow multiple users");
    }
    if (!block.token.empty()) {
        return reader.error(member.value, "Cluster authorization does not support tokens");
    }
    LinkAuthorization& out = cluster->out.authorization;
    out.user = block.user;
    out.password = block.password;
    if (block.timeout_given) out.timeout = block.timeout;
    out.timeout_given = block.timeout_given;
    if (!block.default_permissions) return;
    reader.warning(member.value, member.key,
                   "setting \"permissions\" within cluster authorization block is deprecated");
    if (!cluster->has_permissions) cluster->out.permissions = block.default_permissions;
}

void read_routes(Reader& reader, const Member& member, ClusterBlock* cluster) {
    if (!reader.array(member.value)) return;
    cluster->out.routes.clear();
    for (const Value& element : member.value.elements) {
        Url url;
        if (reader.url(element, "route", &url)) cluster->out.routes.push_back(std::move(url));
    }
}

void read_cluster_permissions(Reader& reader, const Member& member, ClusterBlock* cluster) {
    Permissions permissions;
    if (!read_permissions(reader, member.value, &permissions)) return;
    cluster->has_permissions = true;
    cluster->out.permissions = std::move(permissions);
}

// One connection to each server, as with a pool_size of -1: so that says nothing.
void read_pool_size(Reader& reader, const Member& member, ClusterBlock* cluster) {
    if (!reader.number(member.value, &cluster->out.pool_size)) return;
    if (cluster->out.pool_size >= 0) reader.note(member.value, Part::kRoutePools);
}

void read_pinned_accounts(Reader& reader, const Member& member, ClusterBlock* cluster) {
    reader.texts(member.value, &cluster->out.pinned_accounts);
    reader.note(member.value, Part::kRoutePools);
}

// Off, or one of the modes of the reference; only s2 says anything on the wire.
void read_compression(Reader& reader, const Member& member, ClusterBlock* cluster) {
    std::string& mode = cluster->out.compression;
    if (member.value.type == ValueType::kBool) {
        mode = member.value.boolean ? "s2_fast" : "off";
    } else if (member.value.type == ValueType::kMap) {
        const Value* named = member.value.find("mode");
        if (named != nullptr) reader.text(*named, &mode);
    } else {
        reader.text(member.value, &mode);
    }
    if (mode.starts_with("s2")) reader.note(member.value, Part::kCompression);
}

constexpr Row<ClusterBlock> kClusterRows[] = {
    {"name", [](Reader& r, const Member& m, ClusterBlock* c) { r.text(m.value, &c->out.name); }},
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
    {"pool_size", read_pool_size},
    {"accounts", read_pinned_accounts},
    {"compression", read_compression},
    {"write_timeout",
     [](Reader& r, const Member& m, ClusterBlock*) { r.note(m.value, Part::kWriteTimeout); }},
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

// SPDX-License-Identifier: Apache-2.0
// The `leafnodes` block.
#include <fmt/format.h>

#include <utility>

#include "core/config/reader.h"

namespace nuring::config {
namespace {

// ---------------------------------------------------------------------------- authorization

constexpr Row<User> kUserRows[] = {
    {"user username", [](Reader& r, const Member& m, User* u) { r.text(m.value, &u->name); }},
    {"password pass", [](Reader& r, const Member& m, User* u) { r.text(m.value, &u->password); }},
    {"account", [](Reader& r, const Member& m, User* u) { r.text(m.value, &u->account); }},
};

struct LeafAuthorization {
    LinkAuthorization single;
    std::vector<User> users;
    bool has_users = false;
};

void read_leaf_users(Reader& reader, const Member& member, LeafAuthorization* out) {
    if (member.value.type != ValueType::kArray) {
        return reader.error(member.value, fmt::format("Expected users field to be an array, got {}",
                                                      member.value.go_text()));
    }
    out->has_users = true;
    for (const Value& element : member.value.elements) {
        if (element.type != ValueType::kMap) {
            reader.error(element, fmt::format("Expected user entry to be a map/struct, got {}",
                                              element.go_text()));
            continue;
        }
        User user;
        read_block(reader, element, kUserRows, &user);
        for (const User& other : out->users) {
            if (other.name != user.name) continue;
            reader.error(element, fmt::format("Duplicate user \"{}\" detected", user.name));
        }
        out->users.push_back(std::move(user));
    }
}

constexpr Row<LeafAuthorization> kAuthorizationRows[] = {
    {"user username",
     [](Reader& r, const Member& m, LeafAuthorization* a) { r.text(m.value, &a->single.user); }},
    {"password pass", [](Reader& r, const Member& m,
                         LeafAuthorization* a) { r.text(m.value, &a->single.password); }},
    {"account",
     [](Reader& r, const Member& m, LeafAuthorization* a) { r.text(m.value, &a->single.account); }},
    {"timeout",
     [](Reader& r, const Member& m, LeafAuthorization* a) {
         a->single.timeout_given = r.timeout(m.value, &a->single.timeout);
     }},
    {"users", read_leaf_users},
};

void read_leaf_authorization(Reader& reader, const Member& member, LeafnodeOptions* leafnodes) {
    if (!reader.map(member.value)) return;
    LeafAuthorization block;
    read_block(reader, member.value, kAuthorizationRows, &block);
    if (block.has_users && !block.single.user.empty()) {
        return reader.error(member.value, "Can not have a single user/pass and a users array");
    }
    leafnodes->authorization = block.single;
    leafnodes->users = std::move(block.users);
}

// ---------------------------------------------------------------------------- remotes

void read_urls(Reader& reader, const Member& member, RemoteLeafnode* remote) {
    remote->urls.clear();
    Url url;
    if (member.value.type == ValueType::kString) {
        if (reader.url(member.value, "leafnode", &url)) remote->urls.push_back(std::move(url));
        return;
    }
    if (member.value.type != ValueType::kArray) {
        return reader.error(
            member.value,
            fmt::format("Expected remote leafnode url to be an array or string, got {}",
                        member.value.go_text()));
    }
    for (const Value& element : member.value.elements) {
        if (reader.url(element, "leafnode", &url)) remote->urls.push_back(url);
    }
}

constexpr Row<RemoteLeafnode> kRemoteRows[] = {
    {"url urls", read_urls},
    {"account local",
     [](Reader& r, const Member& m, RemoteLeafnode* l) { r.text(m.value, &l->account); }},
    {"credentials creds",
     [](Reader& r, const Member& m, RemoteLeafnode* l) { r.text(m.value, &l->credentials); }},
    {"tls", [](Reader& r, const Member& m,
               RemoteLeafnode* l) { read_tls(r, m.value, TlsSide::kLeafnodeRemote, &l->tls); }},
    {"hub", [](Reader& r, const Member& m, RemoteLeafnode* l) { r.boolean(m.value, &l->hub); }},
    {"deny_imports deny_import",
     [](Reader& r, const Member& m, RemoteLeafnode* l) {
         read_subjects(r, m.value, &l->deny_imports);
     }},
    {"deny_exports deny_export",
     [](Reader& r, const Member& m, RemoteLeafnode* l) {
         read_subjects(r, m.value, &l->deny_exports);
     }},
    {"no_randomize dont_randomize",
     [](Reader& r, const Member& m, RemoteLeafnode* l) { r.boolean(m.value, &l->no_randomize); }},
    {"ws_compress ws_compression websocket_compress websocket_compression ws_no_masking "
     "websocket_no_masking",
     [](Reader& r, const Member& m, RemoteLeafnode*) { r.note(m.value, Part::kWebsocket); }},
    {"jetstream_cluster_migrate js_cluster_migrate",
     [](Reader& r, const Member& m, RemoteLeafnode*) { r.note(m.value, Part::kJetStream); }},
};

void read_remotes(Reader& reader, const Member& member, LeafnodeOptions* leafnodes) {
    if (member.value.type != ValueType::kArray) {
        return reader.error(
            member.value,
            fmt::format("Expected remotes field to be an array, got {}", member.value.go_type()));
    }
    leafnodes->remotes.clear();
    for (const Value& element : member.value.elements) {
        if (element.type != ValueType::kMap) {
            reader.error(element,
                         fmt::format("Expected remote leafnode entry to be a map/struct, got {}",
                                     element.go_text()));
            continue;
        }
        RemoteLeafnode remote;
        read_block(reader, element, kRemoteRows, &remote);
        leafnodes->remotes.push_back(std::move(remote));
    }
}

// ---------------------------------------------------------------------------- the block

constexpr Row<LeafnodeOptions> kLeafnodeRows[] = {
    {"listen",
     [](Reader& r, const Member& m, LeafnodeOptions* l) { r.listen(m.value, &l->host, &l->port); }},
    {"port", [](Reader& r, const Member& m, LeafnodeOptions* l) { r.port(m.value, &l->port); }},
    {"host net", [](Reader& r, const Member& m, LeafnodeOptions* l) { r.text(m.value, &l->host); }},
    {"authorization", read_leaf_authorization},
    {"remotes", read_remotes},
    {"reconnect reconnect_delay reconnect_interval",
     [](Reader& r, const Member& m, LeafnodeOptions* l) {
         r.seconds_or_duration(m.value, "reconnect", false, &l->reconnect_interval);
     }},
    {"tls", [](Reader& r, const Member& m,
               LeafnodeOptions* l) { read_tls(r, m.value, TlsSide::kClients, &l->tls); }},
    {"leafnode_advertise advertise",
     [](Reader& r, const Member& m, LeafnodeOptions* l) { r.text(m.value, &l->advertise); }},
    {"no_advertise",
     [](Reader& r, const Member& m, LeafnodeOptions* l) { r.boolean(m.value, &l->no_advertise); }},
    {"min_version minimum_version",
     [](Reader& r, const Member& m, LeafnodeOptions* l) { r.text(m.value, &l->min_version); }},
    {"compression",
     [](Reader& r, const Member& m, LeafnodeOptions*) { r.note(m.value, Part::kLeafnodes); }},
    {"isolate_leafnode_interest isolate",
     [](Reader& r, const Member& m, LeafnodeOptions* l) {
         r.boolean(m.value, &l->isolate_interest);
     }},
    {"write_timeout",
     [](Reader& r, const Member& m, LeafnodeOptions*) { r.note(m.value, Part::kWriteTimeout); }},
};

}  // namespace

void read_leafnodes(Reader& reader, const Value& value) {
    if (value.type != ValueType::kMap) {
        return reader.error(
            value, fmt::format("Expected map to define a leafnode, got {}", value.go_type()));
    }
    reader.note(value, Part::kLeafnodes);
    LeafnodeOptions leafnodes;
    read_block(reader, value, kLeafnodeRows, &leafnodes);
    reader.options()->leafnodes = std::move(leafnodes);
}

}  // namespace nuring::config

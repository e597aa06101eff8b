// SPDX-License-Identifier: Apache-2.0
// The `leafnodes` block. validate_links.cc checks it against other options.
#include <fmt/format.h>

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "core/config/names.h"
#include "core/config/reader.h"
#include "core/config/text.h"
#include "core/config/url.h"

namespace nuring::config {
namespace {

// Says that a part inside the block is not active, once the block is.
void note_inside(Reader& reader, const Value& at, Part part) {
    if (is_active(Part::kLeafnodes)) reader.note(at, part);
}

// ---------------------------------------------------------------------------- authorization

constexpr Row<User> kLeafUserRows[] = {
    {"user username", [](Reader& r, const Member& m, User* u) { r.text(m.value, &u->name); }},
    {"password pass", [](Reader& r, const Member& m, User* u) { r.text(m.value, &u->password); }},
    {"account", [](Reader& r, const Member& m, User* u) { r.text(m.value, &u->account); }},
    {"proxy_required", &read_proxy_required<User>},
};

struct LeafAuthorization {
    LinkAuthorization single;
    std::vector<User> users;
};

void read_leaf_users(Reader& reader, const Member& member, LeafAuthorization* out) {
    if (member.value.type != ValueType::kArray) {
        return reader.error(member.value, fmt::format("Expected users field to be an array, got {}",
                                                      member.value.go_type()));
    }
    for (const Value& element : member.value.elements) {
        if (element.type != ValueType::kMap) {
            reader.error(element, fmt::format("Expected user entry to be a map/struct, got {}",
                                              element.go_type()));
            continue;
        }
        User user;
        read_block(reader, element, kLeafUserRows, &user);
        out->users.push_back(std::move(user));
    }
}

void read_leaf_nkey(Reader& reader, const Member& member, LeafAuthorization* out) {
    if (!reader.text(member.value, &out->single.nkey)) return;
    if (is_public_key(out->single.nkey, KeyKind::kUser)) return;
    reader.error(member.value, "Not a valid public nkey for leafnode authorization");
}

constexpr Row<LeafAuthorization> kLeafAuthorizationRows[] = {
    {"user username",
     [](Reader& r, const Member& m, LeafAuthorization* a) { r.text(m.value, &a->single.user); }},
    {"password pass", [](Reader& r, const Member& m,
                         LeafAuthorization* a) { r.text(m.value, &a->single.password); }},
    {"nkey", read_leaf_nkey},
    {"account",
     [](Reader& r, const Member& m, LeafAuthorization* a) { r.text(m.value, &a->single.account); }},
    {"timeout",
     [](Reader& r, const Member& m, LeafAuthorization* a) {
         a->single.timeout_given =
             r.login_timeout(m, "leafnode authorization", &a->single.timeout);
     }},
    {"users", read_leaf_users},
    {"proxy_required", &read_proxy_required<LeafAuthorization>},
};

// Source: validateLeafNodeAuthOptions in server/leafnode.go 2.15.3.
std::string authorization_fault(const LeafAuthorization& block) {
    if (block.users.empty()) return "";
    if (!block.single.user.empty()) return "can not have a single user/pass and a users array";
    if (!block.single.nkey.empty()) return "can not have a single nkey and a users array";
    absl::flat_hash_set<std::string_view> names;
    for (const User& user : block.users) {
        if (names.insert(user.name).second) continue;
        return fmt::format("duplicate user \"{}\" detected in leafnode authorization", user.name);
    }
    return "";
}

void read_leaf_authorization(Reader& reader, const Member& member, LeafnodeOptions* leafnodes) {
    if (!reader.map(member.value)) return;
    LeafAuthorization block;
    read_block(reader, member.value, kLeafAuthorizationRows, &block);
    if (const std::string fault = authorization_fault(block); !fault.empty()) {
        return reader.error(member.value, fault);
    }
    leafnodes->authorization = block.single;
    leafnodes->users = std::move(block.users);
}

// ---------------------------------------------------------------------------- remotes

void read_urls(Reader& reader, const Member& member, RemoteLeafnode* remote) {
    if (member.value.type == ValueType::kString) {
        Url url;
        if (reader.url(member.value, "leafnode", &url)) remote->urls.push_back(std::move(url));
    } else if (member.value.type == ValueType::kArray) {
        reader.urls(member.value, "leafnode", &remote->urls);
    } else {
        reader.error(member.value,
                     fmt::format("Expected remote leafnode url to be an array or string, got {}",
                                 member.value.go_type()));
    }
}

constexpr std::string_view kTwoIdentities =
    "Remote leafnode can not have both creds and nkey defined";

void read_credentials(Reader& reader, const Member& member, RemoteLeafnode* remote) {
    if (!reader.text(member.value, &remote->credentials)) return;
    if (!remote->nkey.empty()) reader.error(member.value, kTwoIdentities);
}

// The message holds no part of the seed: it may be right but for one letter.
void read_seed(Reader& reader, const Member& member, RemoteLeafnode* remote) {
    if (!reader.text(member.value, &remote->nkey)) return;
    if (!is_seed(remote->nkey, KeyKind::kUser)) {
        return reader.error(member.value, "Remote leafnode nkey is not a valid seed");
    }
    if (!remote->credentials.empty()) reader.error(member.value, kTwoIdentities);
}

void read_migration(Reader& reader, const Member& member, RemoteLeafnode*) {
    const Value& value = member.value;
    if (value.type == ValueType::kMap) {
        const Value* delay = value.find("leader_migrate_delay");
        nanoseconds time{0};
        if (delay != nullptr) {
            reader.seconds_or_duration(*delay, "leader_migrate_delay", true, &time);
        }
    } else if (value.type != ValueType::kBool) {
        return reader.error(value,
                            fmt::format("Expected boolean or map for jetstream_cluster_migrate, got {}",
                                        value.go_type()));
    }
    reader.note(value, Part::kJetStream);
}

// A proxy is met as a client: nothing of a listener's side applies.
void read_proxy_tls(Reader& reader, const Member& member, ProxyOptions* proxy) {
    constexpr std::string_view kSupported =
        " cert_file key_file ca_file insecure cipher_suites allow_insecure_cipher_suites "
        "curve_preferences min_version timeout cert_store cert_match_by cert_match "
        "cert_match_skip_invalid ca_certs_match certs certificates ";
    bool good = true;
    for (const Member& each : member.value.members) {
        if (kSupported.find(fmt::format(" {} ", to_lower(each.key))) != std::string_view::npos) continue;
        reader.error(each.value, fmt::format("\"{}\" is not supported for proxy TLS", each.key));
        good = false;
    }
    if (good) read_tls(reader, member.value, TlsSide::kLeafnodeRemote, &proxy->tls);
}

constexpr Row<ProxyOptions> kProxyRows[] = {
    {"url", [](Reader& r, const Member& m, ProxyOptions* p) { r.text(m.value, &p->url); }},
    {"username", [](Reader& r, const Member& m, ProxyOptions* p) { r.text(m.value, &p->user); }},
    {"password",
     [](Reader& r, const Member& m, ProxyOptions* p) { r.text(m.value, &p->password); }},
    {"timeout",
     [](Reader& r, const Member& m, ProxyOptions* p) {
         r.seconds_or_duration(m.value, "proxy timeout", true, &p->timeout);
     }},
    {"tls", read_proxy_tls},
};

// Source: validateLeafNodeProxyOptions in server/leafnode.go 2.15.3.
std::string proxy_fault(const RemoteLeafnode& remote) {
    const ProxyOptions& proxy = remote.proxy;
    if (proxy.url.empty()) {
        return proxy == ProxyOptions{} ? ""
                                       : "proxy URL must be specified when other proxy options are set";
    }
    const absl::StatusOr<Url> url = parse_url(proxy.url);
    if (!url.ok()) return fmt::format("invalid proxy URL: {}", std::string(url.status().message()));
    if (url->scheme != "http" && url->scheme != "https") {
        return fmt::format("proxy URL scheme must be http or https, got: {}", url->scheme);
    }
    if (url->host.empty()) return "proxy URL must specify a host";
    if (proxy.tls && url->scheme != "https") {
        return fmt::format("proxy TLS configuration requires an https proxy URL, got: {}", url->scheme);
    }
    if (proxy.timeout < nanoseconds{0}) return "proxy timeout must be >= 0";
    if (proxy.user.empty() != proxy.password.empty()) {
        return "proxy username and password must both be specified or both be empty";
    }
    for (const Url& each : remote.urls) {
        if (each.scheme != "wss" || remote.tls) continue;
        return fmt::format(
            "proxy is configured but remote URL {} requires TLS and no TLS configuration is provided. "
            "When using proxy with TLS endpoints, ensure TLS is properly configured for the leafnode "
            "remote",
            each.redacted());
    }
    return "";
}

void read_isolation(Reader& reader, const Member& member, bool* out) {
    if (reader.boolean(member.value, out) && *out) note_inside(reader, member.value, Part::kIsolation);
}

struct RemoteBlock {
    RemoteLeafnode out;
    const Value* proxy = nullptr;
};

void read_proxy(Reader& reader, const Member& member, RemoteBlock* block) {
    block->proxy = &member.value;
    if (member.value.type != ValueType::kMap) {
        return reader.error(member.value, fmt::format("Expected proxy to be a map, got {}",
                                                      member.value.go_type()));
    }
    read_block(reader, member.value, kProxyRows, &block->out.proxy);
    note_inside(reader, member.value, Part::kRemoteProxy);
}

constexpr Row<RemoteBlock> kRemoteLeafnodeRows[] = {
    {"url urls", [](Reader& r, const Member& m, RemoteBlock* b) { read_urls(r, m, &b->out); }},
    {"account local",
     [](Reader& r, const Member& m, RemoteBlock* b) { r.text(m.value, &b->out.account); }},
    {"credentials creds",
     [](Reader& r, const Member& m, RemoteBlock* b) { read_credentials(r, m, &b->out); }},
    {"nkey seed", [](Reader& r, const Member& m, RemoteBlock* b) { read_seed(r, m, &b->out); }},
    {"tls", [](Reader& r, const Member& m,
               RemoteBlock* b) { read_tls(r, m.value, TlsSide::kLeafnodeRemote, &b->out.tls); }},
    {"hub", [](Reader& r, const Member& m, RemoteBlock* b) { r.boolean(m.value, &b->out.hub); }},
    {"deny_imports deny_import",
     [](Reader& r, const Member& m, RemoteBlock* b) {
         read_subjects(r, m.value, QueueNames::kRefused, &b->out.deny_imports);
     }},
    {"deny_exports deny_export",
     [](Reader& r, const Member& m, RemoteBlock* b) {
         read_subjects(r, m.value, QueueNames::kRefused, &b->out.deny_exports);
     }},
    {"no_randomize dont_randomize",
     [](Reader& r, const Member& m, RemoteBlock* b) { r.boolean(m.value, &b->out.no_randomize); }},
    {"ws_compress ws_compression websocket_compress websocket_compression",
     [](Reader& r, const Member& m, RemoteBlock* b) {
         r.boolean(m.value, &b->out.websocket_compression);
     }},
    {"ws_no_masking websocket_no_masking",
     [](Reader& r, const Member& m, RemoteBlock* b) {
         r.boolean(m.value, &b->out.websocket_no_masking);
     }},
    {"jetstream_cluster_migrate js_cluster_migrate",
     [](Reader& r, const Member& m, RemoteBlock* b) { read_migration(r, m, &b->out); }},
    {"isolate_leafnode_interest isolate",
     [](Reader& r, const Member& m, RemoteBlock* b) {
         read_isolation(r, m, &b->out.isolate_interest);
     }},
    {"request_isolation",
     [](Reader& r, const Member& m, RemoteBlock* b) {
         read_isolation(r, m, &b->out.request_isolation);
     }},
    {"compression",
     [](Reader& r, const Member& m, RemoteBlock* b) {
         read_compression(r, m, CompressionMode::kAuto, &b->out.compression);
     }},
    {"first_info_timeout",
     [](Reader& r, const Member& m, RemoteBlock* b) {
         r.seconds_or_duration(m.value, m.key, true, &b->out.first_info_timeout);
     }},
    {"dial_timeout",
     [](Reader& r, const Member& m, RemoteBlock* b) {
         r.seconds_or_duration(m.value, m.key, true, &b->out.dial_timeout);
     }},
    {"disabled", [](Reader& r, const Member& m, RemoteBlock* b) { r.boolean(m.value, &b->out.disabled); }},
    {"proxy", read_proxy},
    {"ignore_discovered_servers",
     [](Reader& r, const Member& m, RemoteBlock* b) {
         r.boolean(m.value, &b->out.ignore_discovered_servers);
     }},
};

void read_remote(Reader& reader, const Value& value, absl::flat_hash_set<std::string>* names,
                 LeafnodeOptions* leafnodes) {
    if (value.type != ValueType::kMap) {
        return reader.error(value, fmt::format("Expected remote leafnode entry to be a map/struct, got {}",
                                               value.go_type()));
    }
    RemoteBlock block;
    block.out.position = value.position();
    read_block(reader, value, kRemoteLeafnodeRows, &block);
    if (block.proxy != nullptr) {
        if (const std::string fault = proxy_fault(block.out); !fault.empty()) {
            return reader.error(*block.proxy, fault);
        }
    }
    for (const Url& url : block.out.urls) {
        if (url.is_websocket()) note_inside(reader, value, Part::kWebsocketRemotes);
    }
    // The identity includes the passwords; the text that is shown does not.
    std::string identity = fmt::format("{}\n{}\n{}\n", block.out.account, block.out.credentials,
                                       block.out.nkey);
    for (const Url& url : block.out.urls) identity += url.text + "\n";
    if (!names->insert(identity).second) {
        return reader.error(value, fmt::format("duplicate remote {}", block.out.name()));
    }
    leafnodes->remotes.push_back(std::move(block.out));
}

void read_remotes(Reader& reader, const Member& member, LeafnodeOptions* leafnodes) {
    if (member.value.type != ValueType::kArray) {
        return reader.error(
            member.value,
            fmt::format("Expected remotes field to be an array, got {}", member.value.go_type()));
    }
    leafnodes->remotes.clear();
    absl::flat_hash_set<std::string> names;
    for (const Value& element : member.value.elements) {
        read_remote(reader, element, &names, leafnodes);
    }
}

// ---------------------------------------------------------------------------- the block

void read_min_version(Reader& reader, const Member& member, LeafnodeOptions* leafnodes) {
    std::string text;
    if (!reader.text(member.value, &text)) return;
    const std::optional<Version> version = parse_version(text);
    if (!version) {
        return reader.error(member.value, "invalid leafnode's minimum version: invalid semver");
    }
    // Older ones do not send their version.
    if (*version < Version{2, 8, 0}) {
        return reader.error(member.value, "the minimum version should be at least 2.8.0");
    }
    leafnodes->min_version = text;
}

constexpr Row<LeafnodeOptions> kLeafnodeRows[] = {
    {"listen",
     [](Reader& r, const Member& m, LeafnodeOptions* l) { r.listen(m.value, &l->host, &l->port); }},
    {"port", [](Reader& r, const Member& m, LeafnodeOptions* l) { r.port(m.value, &l->port); }},
    {"host net", [](Reader& r, const Member& m, LeafnodeOptions* l) { r.text(m.value, &l->host); }},
    {"authorization", read_leaf_authorization},
    {"remotes", read_remotes},
    {"reconnect reconnect_delay reconnect_interval",
     [](Reader& r, const Member& m, LeafnodeOptions* l) {
         r.seconds_or_duration(m.value, "reconnect", true, &l->reconnect_interval);
     }},
    {"dial_timeout",
     [](Reader& r, const Member& m, LeafnodeOptions* l) {
         r.seconds_or_duration(m.value, "dial_timeout", true, &l->dial_timeout);
     }},
    {"tls", [](Reader& r, const Member& m,
               LeafnodeOptions* l) { read_tls(r, m.value, TlsSide::kClients, &l->tls); }},
    {"leafnode_advertise advertise",
     [](Reader& r, const Member& m, LeafnodeOptions* l) { r.text(m.value, &l->advertise); }},
    {"no_advertise",
     [](Reader& r, const Member& m, LeafnodeOptions* l) { r.boolean(m.value, &l->no_advertise); }},
    {"min_version minimum_version", read_min_version},
    {"compression",
     [](Reader& r, const Member& m, LeafnodeOptions* l) {
         read_compression(r, m, CompressionMode::kAuto, &l->compression);
     }},
    {"isolate_leafnode_interest isolate",
     [](Reader& r, const Member& m, LeafnodeOptions* l) {
         read_isolation(r, m, &l->isolate_interest);
     }},
    {"ping_interval",
     [](Reader& r, const Member& m, LeafnodeOptions* l) { read_ping_interval(r, m, &l->times); }},
    {"ping_max",
     [](Reader& r, const Member& m, LeafnodeOptions* l) { r.number(m.value, &l->times.ping_max); }},
    {"write_deadline",
     [](Reader& r, const Member& m, LeafnodeOptions* l) { read_link_deadline(r, m, &l->times); }},
    {"write_timeout",
     [](Reader& r, const Member& m, LeafnodeOptions* l) {
         read_write_timeout(r, m, &l->times.write_timeout);
     }},
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

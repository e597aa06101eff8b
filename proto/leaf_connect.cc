// SPDX-License-Identifier: Apache-2.0
#include "proto/leaf_connect.h"

#include <utility>

#include "proto/json_fields.h"

namespace nuring::proto {
namespace {

// The reference reads a CONNECT twice: as any connection's, then all of it as a leafnode's.
constexpr std::string_view kAnyLeafStruct = "clientOpts";
constexpr std::string_view kLeafStruct = "leafConnectInfo";

// Calls fields.always() or fields.if_set() for every field, in the order of the wire.
template <typename Connect, typename Fields>
void visit_leaf_fields(Connect& connect, Fields& fields) {
    fields.if_set("version", connect.version);
    fields.if_set("nkey", connect.nkey);
    fields.if_set("jwt", connect.jwt);
    fields.if_set("sig", connect.sig);
    fields.if_set("user", connect.user);
    fields.if_set("pass", connect.pass);
    fields.if_set("auth_token", connect.auth_token);
    fields.always("tls_required", connect.tls_required);
    fields.if_set("server_id", connect.server_id);
    fields.if_set("domain", connect.domain);
    fields.if_set("name", connect.name);
    fields.if_set("is_hub", connect.is_hub);
    fields.if_set("cluster", connect.cluster);
    fields.if_set("headers", connect.headers);
    fields.if_set("jetstream", connect.jetstream);
    fields.if_set("deny_pub", connect.deny_pub);
    fields.if_set("isolate", connect.isolate);
    fields.if_set("compress_mode", connect.compress_mode);
    fields.if_set("gateway", connect.gateway);
    fields.if_set("remote_account", connect.remote_account);
    fields.if_set("protocol", connect.protocol);
}

constexpr std::string_view kKeysOfAny[] = {"nkey",    "jwt",        "sig",          "user",
                                           "pass",    "auth_token", "tls_required", "name",
                                           "version", "headers",    "protocol",     "lang"};

// The struct in which the reference reports a wrong type of that key.
std::string_view leaf_struct_of(std::string_view key) {
    for (const std::string_view known : kKeysOfAny) {
        if (equal_keys(key, known)) return kAnyLeafStruct;
    }
    return kLeafStruct;
}

}  // namespace

std::string to_json(const LeafConnect& connect) {
    std::string json;
    JsonWriter text(&json, /*indent=*/0);
    JsonFieldWriter writer(&text);
    visit_leaf_fields(connect, writer);
    writer.finish();
    return json;
}

JsonStatus parse_leaf_connect(std::string_view json, JsonParser* parser, LeafConnect* connect,
                              std::string* error) {
    LeafConnect draft = *connect;
    const auto take = [&draft](std::string_view key, const simdjson::dom::element& value) {
        JsonFieldReader reader(leaf_struct_of(key), key, value);
        visit_leaf_fields(draft, reader);
        reader.if_set("lang", draft.lang);
        return reader.error();
    };
    const JsonStatus status = read_json_object(json, parser, kAnyLeafStruct, error, take);
    if (status == JsonStatus::kOk) *connect = std::move(draft);
    return status;
}

}  // namespace nuring::proto

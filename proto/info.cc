// SPDX-License-Identifier: Apache-2.0
#include "proto/info.h"

#include "proto/json_fields.h"

namespace nuring::proto {

static bool take_json(const simdjson::dom::element& value,
                      std::optional<SubjectPermission>* field) {
    if (is_null_json(value)) {  // a pointer becomes nil
        field->reset();
        return true;
    }
    simdjson::dom::object object;
    if (value.get(object) != simdjson::SUCCESS) return false;
    if (!field->has_value()) field->emplace();
    for (const auto& [key, list] : object) {
        if (equal_keys(key, "allow") && !take_json(list, &(*field)->allow)) return false;
        if (equal_keys(key, "deny") && !take_json(list, &(*field)->deny)) return false;
    }
    return true;
}

static bool is_set_json(const std::optional<SubjectPermission>& value) {
    return value.has_value();
}

static void write_json(JsonWriter* json, const std::optional<SubjectPermission>& value) {
    JsonFieldWriter writer(json);
    writer.if_set("allow", value->allow);
    writer.if_set("deny", value->deny);
    writer.finish();
}

static constexpr std::string_view json_type_name(const std::optional<SubjectPermission>*) {
    return "server.SubjectPermission";
}

namespace {

constexpr std::string_view kInfoStruct = "Info";

// Calls fields.always() or fields.if_set() for every field, in the order of the wire.
template <typename Info, typename Fields>
void visit_info_fields(Info& info, Fields& fields) {
    fields.always("server_id", info.server_id);
    fields.always("server_name", info.server_name);
    fields.always("version", info.version);
    fields.always("proto", info.proto);
    fields.if_set("git_commit", info.git_commit);
    fields.always("go", info.go);
    fields.always("host", info.host);
    fields.always("port", info.port);
    fields.always("headers", info.headers);
    fields.if_set("auth_required", info.auth_required);
    fields.if_set("tls_required", info.tls_required);
    fields.if_set("tls_verify", info.tls_verify);
    fields.if_set("tls_available", info.tls_available);
    fields.always("max_payload", info.max_payload);
    fields.if_set("jetstream", info.jetstream);
    fields.if_set("ip", info.ip);
    fields.if_set("client_id", info.client_id);
    fields.if_set("client_ip", info.client_ip);
    fields.if_set("nonce", info.nonce);
    fields.if_set("cluster", info.cluster);
    fields.if_set("cluster_dynamic", info.cluster_dynamic);
    fields.if_set("domain", info.domain);
    fields.if_set("connect_urls", info.connect_urls);
    fields.if_set("ws_connect_urls", info.ws_connect_urls);
    fields.if_set("ldm", info.ldm);
    fields.if_set("compression", info.compression);
    fields.if_set("connect_info", info.connect_info);
    fields.if_set("remote_account", info.remote_account);
    fields.if_set("acc_is_sys", info.acc_is_sys);
    fields.if_set("api_lvl", info.api_lvl);
    fields.if_set("import", info.import_subjects);
    fields.if_set("export", info.export_subjects);
    fields.if_set("lnoc", info.lnoc);
    fields.if_set("lnocu", info.lnocu);
    fields.if_set("ln", info.ln);
    fields.if_set("info_on_connect", info.info_on_connect);
    fields.if_set("route_pool_size", info.route_pool_size);
    fields.if_set("route_pool_idx", info.route_pool_idx);
    fields.if_set("route_account", info.route_account);
    fields.if_set("route_acc_add_reqid", info.route_acc_add_reqid);
    fields.if_set("gossip_mode", info.gossip_mode);
    fields.if_set("gateway", info.gateway);
    fields.if_set("gateway_urls", info.gateway_urls);
    fields.if_set("gateway_url", info.gateway_url);
    fields.if_set("gateway_cmd", info.gateway_cmd);
    fields.base64_if_set("gateway_cmd_payload", info.gateway_cmd_payload);
    fields.if_set("gateway_nrp", info.gateway_nrp);
    fields.if_set("gateway_iom", info.gateway_iom);
    fields.if_set("leafnode_urls", info.leafnode_urls);
    fields.if_set("xkey", info.xkey);
}

}  // namespace

std::string to_json(const ServerInfo& info) {
    std::string json;
    json.reserve(512);
    JsonWriter text(&json, /*indent=*/0);
    JsonFieldWriter writer(&text);
    visit_info_fields(info, writer);
    writer.finish();
    return json;
}

std::string encode_info(const ServerInfo& info) {
    return "INFO " + to_json(info) + " \r\n";
}

JsonStatus parse_info(std::string_view json, JsonParser* parser, ServerInfo* info,
                      std::string* error) {
    return read_json_object(json, parser, kInfoStruct, error, [info](auto key, const auto& value) {
        JsonFieldReader reader(kInfoStruct, key, value);
        visit_info_fields(*info, reader);
        return reader.error();
    });
}

}  // namespace nuring::proto

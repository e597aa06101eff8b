// SPDX-License-Identifier: Apache-2.0
#include "proto/route_connect.h"

#include <utility>

#include "proto/json_fields.h"

namespace nuring::proto {
namespace {

// The reference reads a CONNECT twice: as any connection's, then the rest of it as a route's.
constexpr std::string_view kAnyRouteStruct = "clientOpts";
constexpr std::string_view kRouteStruct = "connectInfo";

// Calls fields.always() or fields.if_set() for every field, in the order of the wire.
template <typename Connect, typename Fields>
void visit_route_fields(Connect& connect, Fields& fields) {
    fields.always("echo", connect.echo);
    fields.always("verbose", connect.verbose);
    fields.always("pedantic", connect.pedantic);
    fields.if_set("user", connect.user);
    fields.if_set("pass", connect.pass);
    fields.always("tls_required", connect.tls_required);
    fields.always("headers", connect.headers);
    fields.always("name", connect.name);
    fields.if_set("cluster", connect.cluster);
    fields.if_set("cluster_dynamic", connect.cluster_dynamic);
    fields.if_set("lnoc", connect.lnoc);
    fields.if_set("lnocu", connect.lnocu);
    fields.if_set("ln", connect.ln);
    fields.if_set("gateway", connect.gateway);
}

constexpr std::string_view kKeysOfRoutes[] = {"cluster", "cluster_dynamic", "lnoc", "lnocu", "ln", "gateway"};

// The struct in which the reference reports a wrong type of that key.
std::string_view route_struct_of(std::string_view key) {
    for (const std::string_view known : kKeysOfRoutes) {
        if (equal_keys(key, known)) return kRouteStruct;
    }
    return kAnyRouteStruct;
}

}  // namespace

std::string to_json(const RouteConnect& connect) {
    std::string json;
    JsonWriter text(&json, /*indent=*/0);
    JsonFieldWriter writer(&text);
    visit_route_fields(connect, writer);
    writer.finish();
    return json;
}

JsonStatus parse_route_connect(std::string_view json, JsonParser* parser, RouteConnect* connect,
                               std::string* error) {
    RouteConnect draft = *connect;
    const auto take = [&draft](std::string_view key, const simdjson::dom::element& value) {
        JsonFieldReader reader(route_struct_of(key), key, value);
        visit_route_fields(draft, reader);
        reader.if_set("lang", draft.lang);
        return reader.error();
    };
    const JsonStatus status = read_json_object(json, parser, kAnyRouteStruct, error, take);
    if (status == JsonStatus::kOk) *connect = std::move(draft);
    return status;
}

}  // namespace nuring::proto

// SPDX-License-Identifier: Apache-2.0
#include "proto/route_connect.h"

#include <fmt/format.h>

#include "proto/json_document.h"
#include "proto/json_text.h"

namespace nuring::proto {
namespace {

// The reference reads a CONNECT twice: as any connection's, then the rest of it as a route's.
constexpr std::string_view kAnyStruct = "clientOpts";
constexpr std::string_view kRouteStruct = "connectInfo";

enum class Write : uint8_t { kAlways, kIfSet, kNever };

struct Field {
    std::string_view key;
    std::string_view struct_name;
    Write write;
    bool RouteConnect::*flag = nullptr;  // else `text`
    std::string RouteConnect::*text = nullptr;
};

constexpr Field kFields[] = {
    {"echo", kAnyStruct, Write::kAlways, &RouteConnect::echo},
    {"verbose", kAnyStruct, Write::kAlways, &RouteConnect::verbose},
    {"pedantic", kAnyStruct, Write::kAlways, &RouteConnect::pedantic},
    {"user", kAnyStruct, Write::kIfSet, nullptr, &RouteConnect::user},
    {"pass", kAnyStruct, Write::kIfSet, nullptr, &RouteConnect::pass},
    {"tls_required", kAnyStruct, Write::kAlways, &RouteConnect::tls_required},
    {"headers", kAnyStruct, Write::kAlways, &RouteConnect::headers},
    {"name", kAnyStruct, Write::kAlways, nullptr, &RouteConnect::name},
    {"cluster", kRouteStruct, Write::kIfSet, nullptr, &RouteConnect::cluster},
    {"cluster_dynamic", kRouteStruct, Write::kIfSet, &RouteConnect::cluster_dynamic},
    {"lnoc", kRouteStruct, Write::kIfSet, &RouteConnect::lnoc},
    {"lnocu", kRouteStruct, Write::kIfSet, &RouteConnect::lnocu},
    {"gateway", kRouteStruct, Write::kIfSet, nullptr, &RouteConnect::gateway},
    {"lang", kAnyStruct, Write::kNever, nullptr, &RouteConnect::lang},
};

bool is_set(const RouteConnect& connect, const Field& field) {
    return field.flag != nullptr ? connect.*field.flag : !(connect.*field.text).empty();
}

// Empty if the key is unknown or the value fits, else the error.
std::string take_field(std::string_view key, const simdjson::dom::element& value,
                       RouteConnect* draft) {
    for (const Field& field : kFields) {
        if (!equal_keys(key, field.key)) continue;
        const bool is_flag = field.flag != nullptr;
        const bool fits = is_flag ? take_json(value, &(draft->*field.flag))
                                  : take_json(value, &(draft->*field.text));
        if (fits) return {};
        return json_type_error(value, {field.struct_name, field.key, is_flag ? "bool" : "string"});
    }
    return {};
}

}  // namespace

std::string to_json(const RouteConnect& connect) {
    std::string json = "{";
    for (const Field& field : kFields) {
        const bool written = field.write == Write::kAlways ||
                             (field.write == Write::kIfSet && is_set(connect, field));
        if (!written) continue;
        if (json.size() > 1) json += ',';
        json.append("\"").append(field.key).append("\":");
        if (field.flag != nullptr) {
            json += connect.*field.flag ? "true" : "false";
        } else {
            append_json_string(&json, connect.*field.text);
        }
    }
    return json + "}";
}

ConnectStatus parse_route_connect(std::string_view json, JsonParser* parser, RouteConnect* connect,
                                  std::string* error) {
    simdjson::dom::object object;
    switch (parser->state().parse(json, &object, error)) {
        case JsonParser::State::Outcome::kObject:
            break;
        case JsonParser::State::Outcome::kNull:
            return ConnectStatus::kOk;
        case JsonParser::State::Outcome::kBadSyntax:
            return ConnectStatus::kBadJson;
        case JsonParser::State::Outcome::kNotAnObject:
            *error = fmt::format("json: cannot unmarshal {} into Go value of type server.{}",
                                 *error, kAnyStruct);
            return ConnectStatus::kWrongType;
    }
    RouteConnect draft = *connect;
    for (const auto& [key, value] : object) {
        *error = take_field(key, value, &draft);
        if (!error->empty()) return ConnectStatus::kWrongType;
    }
    *connect = std::move(draft);
    return ConnectStatus::kOk;
}

}  // namespace nuring::proto

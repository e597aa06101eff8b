// SPDX-License-Identifier: Apache-2.0
#include "proto/account_connections.h"

#include "proto/json_document.h"

namespace nuring::proto {
namespace {

// The error is nobody's to read: a word is enough.
constexpr std::string_view kWrongType = "wrong type";

std::string take_server(const simdjson::dom::element& value, std::string* id) {
    simdjson::dom::object server;
    if (value.get(server) != simdjson::SUCCESS) return std::string(kWrongType);
    for (const auto& [key, member] : server) {
        if (key == "id" && !take_json(member, id)) return std::string(kWrongType);
    }
    return {};
}

}  // namespace

JsonStatus parse_account_connections(std::string_view json, JsonParser* parser,
                                     AccountConnections* connections) {
    std::string error;
    return read_json_object(json, parser, "AccountNumConns", &error,
                            [connections](std::string_view key, const simdjson::dom::element& value) {
                                bool fits = true;
                                if (key == "server") return take_server(value, &connections->server_id);
                                if (key == "acc") fits = take_json(value, &connections->account);
                                if (key == "conns") fits = take_json(value, &connections->connections);
                                if (key == "leafnodes") fits = take_json(value, &connections->leafnodes);
                                return fits ? std::string() : std::string(kWrongType);
                            });
}

}  // namespace nuring::proto

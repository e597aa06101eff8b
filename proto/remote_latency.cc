// SPDX-License-Identifier: Apache-2.0
#include "proto/remote_latency.h"

#include <algorithm>

#include "proto/json_document.h"

namespace nuring::proto {
namespace {

// The error is nobody's to read: a word is enough.
constexpr std::string_view kOddType = "wrong type";

bool take_duration(const simdjson::dom::element& value, uint64_t* field) {
    int64_t duration_ns = 0;
    if (!take_json(value, &duration_ns)) return false;
    *field = static_cast<uint64_t>(std::max<int64_t>(duration_ns, 0));
    return true;
}

bool take_responder(const simdjson::dom::element& value, RemoteLatency* latency) {
    if (is_null_json(value)) return true;
    simdjson::dom::object responder;
    if (value.get(responder) != simdjson::SUCCESS) return false;
    for (const auto& [key, member] : responder) {
        if (key == "rtt" && !take_duration(member, &latency->responder_rtt_ns)) return false;
    }
    latency->responder = simdjson::minify(value);
    return true;
}

bool take_measurement(const simdjson::dom::element& value, RemoteLatency* latency) {
    simdjson::dom::object measurement;
    if (value.get(measurement) != simdjson::SUCCESS) return false;
    for (const auto& [key, member] : measurement) {
        if (key == "responder" && !take_responder(member, latency)) return false;
        if (key == "service" && !take_duration(member, &latency->service_ns)) return false;
    }
    return true;
}

}  // namespace

JsonStatus parse_remote_latency(std::string_view json, JsonParser* parser, RemoteLatency* latency) {
    std::string error;
    return read_json_object(json, parser, "remoteLatency", &error,
                            [latency](std::string_view key, const simdjson::dom::element& value) {
                                bool fits = true;
                                if (key == "account") fits = take_json(value, &latency->account);
                                if (key == "req_id") fits = take_json(value, &latency->request);
                                if (key == "m2") fits = take_measurement(value, latency);
                                return fits ? std::string() : std::string(kOddType);
                            });
}

}  // namespace nuring::proto

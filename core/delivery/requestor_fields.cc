// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/requestor_fields.h"

#include "core/base/rfc3339.h"
#include "proto/json_writer.h"
#include "proto/utf8.h"

namespace nuring::delivery {
namespace {

std::string_view shown(std::string_view text) {
    return proto::cut_text(text, kRequestorTextMax);
}

}  // namespace

std::string write_requestor(const RequestorFields& requestor, bool detailed, std::string_view service) {
    std::string out;
    out.reserve(512);  // most fit: no growing step by step
    proto::JsonWriter json(&out, /*indent=*/0);
    json.begin_object();
    if (detailed) {
        json.field("start", base::format_rfc3339(requestor.start_wall_ns));
        json.optional_field("host", shown(requestor.host));
        json.optional_field("id", requestor.id);
    }
    json.field("acc", requestor.account);
    json.optional_field("svc", service);
    if (detailed) {
        json.optional_field("user", requestor.user);
        json.optional_field("name", shown(requestor.name));
        json.optional_field("lang", shown(requestor.language));
        json.optional_field("ver", shown(requestor.version));
    }
    json.optional_field("rtt", requestor.rtt_ns);
    if (detailed) {
        json.optional_field("server", shown(requestor.server));
        json.optional_field("cluster", shown(requestor.cluster));
        json.field("kind", requestor.kind);
        json.optional_field("client_type", requestor.client_type);
    }
    json.end_object();
    return out;
}

}  // namespace nuring::delivery

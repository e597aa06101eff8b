// SPDX-License-Identifier: Apache-2.0
#include "proto/request_info.h"

#include <optional>

#include "proto/json_document.h"
#include "proto/json_text.h"
#include "proto/json_writer.h"

namespace nuring::proto {
namespace {

constexpr std::string_view kAccountKey = "acc";

}  // namespace

bool rename_requestor(std::string_view json, OtherName other_name, JsonParser* parser,
                      std::string* out) {
    std::optional<simdjson::dom::object> object;
    std::string error;
    const JsonStatus status = parser->state().parse(json, "ClientInfo", &object, &error);
    if (status != JsonStatus::kOk || !object.has_value()) return false;
    std::string_view account;
    bool has_account = false;
    for (const auto& [key, value] : *object) {
        if (!equal_keys(key, kAccountKey)) continue;
        has_account = true;
        // Of several the last counts.
        if (value.get(account) != simdjson::SUCCESS) account = {};
    }
    const std::string* name = other_name(account);
    if (name == nullptr) return false;
    out->clear();
    JsonWriter writer(out, /*indent=*/0);
    writer.begin_object();
    for (const auto& [key, value] : *object) {
        if (equal_keys(key, kAccountKey)) {
            writer.field(key, *name);
        } else {
            writer.raw_field(key, simdjson::minify(value));
        }
    }
    if (!has_account) writer.field(kAccountKey, *name);
    writer.end_object();
    return true;
}

}  // namespace nuring::proto

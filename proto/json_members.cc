// SPDX-License-Identifier: Apache-2.0
#include "proto/json_members.h"

#include "proto/json_document.h"
#include "proto/json_text.h"

namespace nuring::proto {
namespace {

std::string_view go_name(JsonType type) {
    switch (type) {
        case JsonType::kBool: return "bool";
        case JsonType::kInt: return "int";
        case JsonType::kUint64: return "uint64";
        case JsonType::kString: return "string";
        case JsonType::kStrings: return "[]string";
    }
    return "";
}

// False: the value is of another kind.
bool take_member(const simdjson::dom::element& value, JsonType type, size_t field,
                 std::vector<JsonMember>* members) {
    switch (type) {
        case JsonType::kBool: {
            bool flag = false;
            if (!take_json(value, &flag)) return false;
            members->push_back({field, flag ? "true" : "false"});
            return true;
        }
        case JsonType::kInt: {
            int64_t number = 0;
            if (!take_json(value, &number)) return false;
            members->push_back({field, std::to_string(number)});
            return true;
        }
        case JsonType::kUint64: {
            uint64_t number = 0;
            if (!take_json(value, &number)) return false;
            members->push_back({field, std::to_string(number)});
            return true;
        }
        case JsonType::kString: {
            std::string text;
            if (!take_json(value, &text)) return false;
            members->push_back({field, std::move(text)});
            return true;
        }
        case JsonType::kStrings: {
            std::vector<std::string> texts;
            if (!take_json(value, &texts)) return false;
            for (std::string& text : texts) members->push_back({field, std::move(text)});
            return true;
        }
    }
    return false;
}

}  // namespace

bool parse_json_members(std::string_view text, JsonParser* parser, std::string_view struct_name,
                        std::span<const JsonFieldType> fields, std::vector<JsonMember>* members,
                        std::string* error) {
    members->clear();
    if (text.empty()) return true;
    const auto take = [&](std::string_view key, const simdjson::dom::element& value) -> std::string {
        if (is_null_json(value)) return {};
        for (size_t i = 0; i < fields.size(); ++i) {
            if (!equal_keys(key, fields[i].key)) continue;
            if (take_member(value, fields[i].type, i, members)) break;
            return json_type_error(value, {struct_name, fields[i].key, go_name(fields[i].type)});
        }
        return {};
    };
    return read_json_object(text, parser, struct_name, error, take) == JsonStatus::kOk;
}

}  // namespace nuring::proto

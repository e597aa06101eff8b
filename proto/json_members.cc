// SPDX-License-Identifier: Apache-2.0
#include "proto/json_members.h"

#include <fmt/format.h>

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
    using Outcome = JsonParser::State::Outcome;
    members->clear();
    if (text.empty()) return true;
    simdjson::dom::object object;
    switch (parser->state().parse(text, &object, error)) {
        case Outcome::kNull: return true;
        case Outcome::kBadSyntax: return false;
        case Outcome::kNotAnObject:
            *error = fmt::format("json: cannot unmarshal {} into Go value of type server.{}", *error,
                                 struct_name);
            return false;
        case Outcome::kObject: break;
    }
    for (const auto& [key, value] : object) {
        if (is_null_json(value)) continue;
        for (size_t i = 0; i < fields.size(); ++i) {
            if (!equal_keys(key, fields[i].key)) continue;
            if (take_member(value, fields[i].type, i, members)) break;
            *error = json_type_error(value, {struct_name, fields[i].key, go_name(fields[i].type)});
            return false;
        }
    }
    return true;
}

}  // namespace nuring::proto

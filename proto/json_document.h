// SPDX-License-Identifier: Apache-2.0
// The inner side of JsonParser, for the .cc files of this folder: a parsed object, and fields
// filled from it with the rules of Go's encoding/json.
#pragma once

#include <simdjson.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/json_parser.h"

namespace nuring::proto {

class JsonParser::State {
  public:
    // `object` and all its strings live until the next parse(); it stays empty for null, which leaves
    // Go's target as it was. `struct_name`: as Go's errors have it ("Info").
    JsonStatus parse(std::string_view text, std::string_view struct_name,
                     std::optional<simdjson::dom::object>* object, std::string* error);

    // Go's name for the kind of a value, as its errors have it.
    static std::string_view kind_of(const simdjson::dom::element& value);

  private:
    simdjson::error_code parse_copy(std::string_view text, simdjson::dom::element* root);

    simdjson::dom::parser parser_;
    std::string padded_;
};

bool is_null_json(const simdjson::dom::element& value);

// Fill a field from a value: null leaves it (a list becomes empty), another kind is an error
// (false).
bool take_json(const simdjson::dom::element& value, bool* field);
bool take_json(const simdjson::dom::element& value, int64_t* field);
bool take_json(const simdjson::dom::element& value, uint64_t* field);
bool take_json(const simdjson::dom::element& value, std::string_view* field);
bool take_json(const simdjson::dom::element& value, std::string* field);
bool take_json(const simdjson::dom::element& value, std::vector<std::string>* field);

// "json: cannot unmarshal string into Go struct field T.key of type bool"
struct JsonField {
    std::string_view struct_name;
    std::string_view key;
    std::string_view type;
};
std::string json_type_error(const simdjson::dom::element& value, const JsonField& field);

// Parses an object and calls take(key, value) for each of its members. take() returns a text that is empty
// if the key is unknown or the value fits, else the error, which ends it.
template <typename Take>
JsonStatus read_json_object(std::string_view text, JsonParser* parser, std::string_view struct_name,
                            std::string* error, Take take) {
    std::optional<simdjson::dom::object> object;
    const JsonStatus status = parser->state().parse(text, struct_name, &object, error);
    if (status != JsonStatus::kOk || !object.has_value()) return status;
    for (const auto& [key, value] : *object) {
        *error = take(key, value);
        if (!error->empty()) return JsonStatus::kWrongType;
    }
    return JsonStatus::kOk;
}

}  // namespace nuring::proto

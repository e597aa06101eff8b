// SPDX-License-Identifier: Apache-2.0
// A flat JSON object of a request, read by a table of its fields with the rules of Go's encoding/json.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proto/json_parser.h"

namespace nuring::proto {

enum class JsonType : uint8_t { kBool, kInt, kUint64, kString, kStrings };

struct JsonFieldType {
    std::string_view key;
    JsonType type;
};

struct JsonMember {
    size_t field;      // its place in the table
    std::string text;  // "true", "false", digits, the string; of a list each element is a member
};

// The members that the table knows, in their order in the text: keys in any case, unknown ones ignored, null
// leaves a field as it was (no member). An empty text, like null, has none.
// Threads: one at a time per parser. Allocates: for cold paths.
// Errors:  false, with Go's message in *error: syntax, "json: cannot unmarshal array into Go value of type
//          server.<struct_name>", or the same for a field of another kind.
bool parse_json_members(std::string_view text, JsonParser* parser, std::string_view struct_name,
                        std::span<const JsonFieldType> fields, std::vector<JsonMember>* members,
                        std::string* error);

}  // namespace nuring::proto

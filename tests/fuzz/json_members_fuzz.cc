// SPDX-License-Identifier: Apache-2.0
// Any bytes as the arguments of a request: what is taken is JSON with members of the table, what is refused
// has a reason.
#include "proto/json_members.h"

#include <array>

#include "proto/json_text.h"
#include "tests/fuzz/require.h"

namespace {

using namespace nuring::proto;
using nuring::test::require;

constexpr std::array kFields = {
    JsonFieldType{"auth", JsonType::kBool},   JsonFieldType{"limit", JsonType::kInt},
    JsonFieldType{"cid", JsonType::kUint64},  JsonFieldType{"user", JsonType::kString},
    JsonFieldType{"tags", JsonType::kStrings},
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    const std::string_view text = nuring::test::view_of(bytes, size);
    JsonParser parser;
    std::vector<JsonMember> members;
    std::string error;
    if (parse_json_members(text, &parser, "Options", kFields, &members, &error)) {
        require(text.empty() || json_syntax_error(text).empty(), "taken means right syntax");
        for (const JsonMember& member : members) {
            require(member.field < kFields.size(), "a field of the table");
            if (kFields[member.field].type == JsonType::kBool) {
                require(member.text == "true" || member.text == "false", "a bool");
            }
        }
    } else {
        require(!error.empty(), "refused with a reason");
    }
    return 0;
}

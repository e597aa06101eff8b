// SPDX-License-Identifier: Apache-2.0
// Any bytes as the JSON of an INFO: what is taken is written and read back unchanged.
#include "proto/info.h"
#include "proto/json_text.h"
#include "tests/fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    using namespace nuring::proto;
    using nuring::test::require;
    const std::string_view input = nuring::test::view_of(bytes, size);
    JsonParser parser;
    ServerInfo info;
    std::string error;
    if (parse_info(input, &parser, &info, &error) != JsonStatus::kOk) {
        require(!error.empty(), "refused with a reason");
        return 0;
    }
    const std::string json = to_json(info);
    require(json_syntax_error(json).empty(), "our INFO is JSON");
    ServerInfo again;
    require(parse_info(json, &parser, &again, &error) == JsonStatus::kOk, "our INFO is taken");
    require(again == info, "our INFO is read back unchanged");
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
// What was read is written, and read again, as the same; what is refused changes nothing.
// Input: the JSON of a CONNECT.
#include <string>

#include "proto/leaf_connect.h"
#include "tests/fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    using namespace nuring::proto;
    using nuring::test::require;
    static JsonParser parser;
    const LeafConnect before{.name = "NAME", .is_hub = true, .cluster = "C"};
    LeafConnect connect = before;
    std::string error;
    const std::string_view json = nuring::test::view_of(bytes, size);
    if (parse_leaf_connect(json, &parser, &connect, &error) != JsonStatus::kOk) {
        require(!error.empty(), "an error has a text");
        require(connect == before, "an error changes nothing");
        return 0;
    }
    LeafConnect again;
    require(parse_leaf_connect(to_json(connect), &parser, &again, &error) == JsonStatus::kOk,
            "what is written can be read");
    again.lang = connect.lang;  // never written
    require(again == connect, "reading gives what was written");
    return 0;
}

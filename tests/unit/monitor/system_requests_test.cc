// SPDX-License-Identifier: Apache-2.0
#include "monitor/system_requests.h"

#include <gtest/gtest.h>

#include <set>

namespace nuring::monitor {
namespace {

TEST(SystemRequestsTest, CompactJsonLeavesStringsAlone) {
    EXPECT_EQ(compact_json("{\n  \"a b\": [\n    1,\n    \"x  y\"\n  ]\n}"),
              "{\"a b\":[1,\"x  y\"]}");
    EXPECT_EQ(compact_json(R"({ "a": "\" , \\", "b": 1 })"), R"({"a":"\" , \\","b":1})");
    EXPECT_EQ(compact_json("{}"), "{}");
    EXPECT_EQ(compact_json(""), "");
}

TEST(SystemRequestsTest, NamesAreUniqueAndFirstAreTheStatistics) {
    EXPECT_EQ(server_requests()[0].name, "STATSZ");
    for (const auto requests : {server_requests(), account_requests()}) {
        std::set<std::string_view> names;
        for (const SystemRequest& request : requests) {
            EXPECT_TRUE(names.insert(request.name).second) << request.name;
            for (const RequestOption& option : request.options) {
                EXPECT_FALSE(option.parameter.empty()) << option.field.key;
                EXPECT_EQ(option.if_true.empty(), option.field.type != proto::JsonType::kBool);
            }
        }
    }
}

}  // namespace
}  // namespace nuring::monitor

// SPDX-License-Identifier: Apache-2.0
// What stands after the method in a request line, of anybody: a path and a query. Cleaning a path is done
// after once, and what a query says is what its parts say.
#include "monitor/query.h"

#include <algorithm>
#include <string>

#include "tests/fuzz/require.h"

namespace {

using nuring::monitor::clean_path;
using nuring::monitor::Query;
using nuring::test::require;

void check_path(std::string_view path) {
    const std::string clean = clean_path(path);
    require(clean.starts_with('/'), "a clean path is absolute");
    require(clean.size() <= path.size() + 1, "cleaning adds a slash at most");
    require(clean_path(clean) == clean, "what is clean stays");
    const std::string closed = clean + '/';
    for (const std::string_view part : {"//", "/./", "/../"}) {
        require(clean == "/" || closed.find(part) == std::string::npos ||
                    (part == "//" && clean.ends_with('/')),
                "no part is left to be cleaned");
    }
}

void check_query(std::string_view text) {
    const Query query(text);
    for (const std::string_view name : {"a", "limit", "subs", ""}) {
        const std::string_view given = query.text(name);
        require(given.size() <= text.size(), "decoding makes nothing longer");
        const auto flag = query.boolean(name);
        const auto integer = query.integer(name);
        const auto number = query.number(name);
        require(!given.empty() || (flag.ok() && integer.ok() && number.ok()), "nothing is no mistake");
        if (number.ok() && *number <= INT64_MAX) {
            require(integer.ok() && *integer == static_cast<int64_t>(*number), "both read it alike");
        }
        require(flag.ok() || !flag.status().message().empty(), "a mistake is named");
    }
    Query longer(text);
    longer.add("a", "last");
    require(longer.text("a") == query.text("a") || query.text("a").empty(), "the first one counts");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    const std::string_view target = nuring::test::view_of(bytes, size);
    const size_t middle = std::min(target.find('?'), target.size());
    check_path(target.substr(0, middle));
    check_query(target.substr(std::min(middle + 1, target.size())));
    return 0;
}

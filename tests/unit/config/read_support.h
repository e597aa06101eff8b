// SPDX-License-Identifier: Apache-2.0
// For the tests of the readers: a text in, Options and messages out.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>

#include "core/config/parser.h"
#include "core/config/read.h"

namespace nuring::config {

struct ReadResult {
    Options options;
    std::string messages;  // all of them, one per line
    bool good = false;
};

inline ReadResult read(std::string_view text) {
    ReadResult result;
    Diagnostics diagnostics;
    const std::optional<Value> root = parse_text(text, "a.conf", Sources{}, &diagnostics);
    if (root) read_options(*root, &result.options, &diagnostics);
    result.messages = diagnostics.to_string();
    result.good = !diagnostics.has_errors();
    return result;
}

// The Options of a text without any error.
inline Options options_of(std::string_view text) {
    ReadResult result = read(text);
    EXPECT_TRUE(result.good) << result.messages;
    return result.options;
}

// The messages of a text in one line, each without "a.conf:" in front.
inline std::string messages_of(std::string_view text) {
    std::string out = read(text).messages;
    for (size_t at = out.find("a.conf:"); at != std::string::npos; at = out.find("a.conf:")) {
        out.erase(at, 7);
    }
    if (!out.empty()) out.pop_back();
    return out;
}

}  // namespace nuring::config

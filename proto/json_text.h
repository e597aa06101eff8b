// SPDX-License-Identifier: Apache-2.0
// JSON as Go's encoding/json has it: how it writes strings, and what it says about wrong input.
// Threads: any. These allocate; they are for cold paths.
#pragma once

#include <string>
#include <string_view>

namespace nuring::proto {

// Appends a quoted string: < > & and U+2028/9 as \u003c..., invalid UTF-8 as \ufffd.
void append_json_string(std::string* out, std::string_view text);

// Go's message for malformed JSON ("unexpected end of JSON input", "invalid character 'x' looking
// for beginning of value"), or empty if the syntax is right.
// Source: behaviour of encoding/json's scanner, Go 1.12.
std::string json_syntax_error(std::string_view text);

// Do two keys name one struct field? Letters of ASCII in any case.
bool equal_keys(std::string_view key, std::string_view field);

}  // namespace nuring::proto

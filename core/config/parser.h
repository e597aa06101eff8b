// SPDX-License-Identifier: Apache-2.0
// The configuration language: text, includes and variables -> one tree of values.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "core/config/diagnostics.h"
#include "core/config/source.h"
#include "core/config/value.h"

namespace nuring::config {

// Brackets inside brackets. The deepest block that means anything has six levels.
inline constexpr size_t kNestingMax = 64;
// Files inside files, and files in all.
inline constexpr size_t kIncludeDepthMax = 16;
inline constexpr size_t kIncludesMax = 1000;
// Environment variables whose values refer to further ones.
inline constexpr size_t kEnvironmentDepthMax = 32;
// Bytes of the tree: variables copy what they refer to, so a small file can ask for a huge tree.
inline constexpr size_t kTreeBytesMax = size_t{256} << 20;

// Reads the file and what it includes. The root is a map.
// Errors:  the first one that stops the parsing, as one entry of *diagnostics; then nothing. A file
//          without any text is a warning.
// Threads: any; all state is local.
// Source:  conf/parse.go 2.0.0-RC19. Differs where that crashes, hangs or runs without end: include
//          and variable cycles, nesting, sizes. `$2b$`, `$2x$` and `$2y$` are bcrypt like `$2a$`.
//          An include with an absolute path is looked for below the including file first, as in the
//          reference, then as what it says.
std::optional<Value> parse_file(const std::string& path, const Sources& sources,
                                Diagnostics* diagnostics);

// The same for a text that is in memory; path names it in messages and anchors its includes.
std::optional<Value> parse_text(std::string_view text, const std::string& path,
                                const Sources& sources, Diagnostics* diagnostics);

}  // namespace nuring::config

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace nuring::config {

// Bytes of all files of one configuration together. A resolver_preload of tens of thousands of
// accounts fits; a device or a data file given by mistake does not.
inline constexpr size_t kSourceBytesMax = size_t{64} << 20;

// Sources is where a configuration comes from: files and environment. Passed in, so that tests, the
// simulator and the fuzzer need neither.
struct Sources {
    // The contents of a file, or why not in the words of the reference:
    // "open <path>: no such file or directory".
    std::function<absl::StatusOr<std::string>(const std::string& path)> read_file;
    // An environment variable, or nothing if it is not set.
    std::function<std::optional<std::string>(const std::string& name)> environment;
};

// The real files and the real environment.
// Threads: any, as long as nobody changes the environment.
Sources system_sources();

}  // namespace nuring::config

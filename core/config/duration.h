// SPDX-License-Identifier: Apache-2.0
// Go's notation of durations ("1m30s", "1.5h", "300ms"), which every NATS configuration uses.
// Source: Go time.ParseDuration and time.Duration.String.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace nuring::config {

// Error texts are Go's: `time: invalid duration "abc"`, `time: missing unit in duration "10"`,
// `time: unknown unit "x" in duration "10x"`.
absl::StatusOr<std::chrono::nanoseconds> parse_duration(std::string_view text);

// "2m0s", "500ms", "1.5s", "0s".
std::string format_duration(std::chrono::nanoseconds duration);

}  // namespace nuring::config

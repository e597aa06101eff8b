// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace nuring::base {

// "2026-11-21T00:36:10.303425426Z": UTC, as the reference does since 2.10 (before: zone of the server).
// The fraction has no zeros at its end, and is left out when it is zero.
// Source: RFC 3339 as Go's time.RFC3339Nano.
std::string format_rfc3339(uint64_t wall_ns);
// Of whole seconds: certificates end in years that nanoseconds do not reach (9999: never).
std::string format_rfc3339_seconds(int64_t unix_s);

}  // namespace nuring::base

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace nuring::base {

// "2026-11-21T00:36:10.303425426Z": UTC, as the reference does since 2.10 (before: zone of the server).
// The fraction has no zeros at its end, and is left out when it is zero.
// Source: RFC 3339 as Go's time.RFC3339Nano.
std::string format_rfc3339(uint64_t wall_ns);

}  // namespace nuring::base

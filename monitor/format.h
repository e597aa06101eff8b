// SPDX-License-Identifier: Apache-2.0
// Times as the pages show them.
// Source: server/monitor.go (myUptime, getRTT) 2.10.
#pragma once

#include <cstdint>
#include <string>

namespace nuring::monitor {

// "5s", "2m0s", "1h0m3s", "1d0h0m0s", "1y0d0h0m0s": from the largest unit that is not zero.
std::string format_uptime(uint64_t ns);

// "715µs", "1ms", "1.234s"; "0s" up to 1 us.
std::string format_rtt(uint64_t ns);

}  // namespace nuring::monitor

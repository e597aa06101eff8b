// SPDX-License-Identifier: Apache-2.0
// Replays need the same addresses each time: they decide the order of hash tables.
#pragma once

#include <sys/personality.h>
#include <unistd.h>

namespace nuring::sim {

// Starts the program again without randomisation of addresses, if it has any and that is permitted.
inline void fix_addresses(char** arguments) {
    const int persona = ::personality(0xffffffff);
    if (persona < 0 || (persona & ADDR_NO_RANDOMIZE) != 0) return;
    if (::personality(static_cast<unsigned long>(persona) | ADDR_NO_RANDOMIZE) < 0) return;
    ::execv("/proc/self/exe", arguments);
}

}  // namespace nuring::sim

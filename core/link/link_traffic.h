// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace nuring::link {

// Messages and their bytes (headers and body); in = what the peer sent.
struct LinkTraffic {
    uint64_t in_messages = 0;
    uint64_t in_bytes = 0;
    uint64_t out_messages = 0;
    uint64_t out_bytes = 0;

    LinkTraffic& operator+=(const LinkTraffic& other) {
        in_messages += other.in_messages;
        in_bytes += other.in_bytes;
        out_messages += other.out_messages;
        out_bytes += other.out_bytes;
        return *this;
    }
    LinkTraffic& operator-=(const LinkTraffic& other) {
        in_messages -= other.in_messages;
        in_bytes -= other.in_bytes;
        out_messages -= other.out_messages;
        out_bytes -= other.out_bytes;
        return *this;
    }
};

}  // namespace nuring::link

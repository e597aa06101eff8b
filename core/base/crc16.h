// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

namespace nuring::base {

// CRC-16/XMODEM (polynomial 0x1021, start 0): the checksum inside every nkey.
// Threads: pure. Errors: none. Source: nkeys crc16.go.
inline uint16_t crc16(std::span<const unsigned char> bytes) {
    uint16_t crc = 0;
    for (const unsigned char byte : bytes) {
        crc = static_cast<uint16_t>(crc ^ (byte << 8));
        for (int bit = 0; bit < 8; ++bit) {
            crc = static_cast<uint16_t>((crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1);
        }
    }
    return crc;
}

}  // namespace nuring::base

// SPDX-License-Identifier: Apache-2.0
#include "core/config/names.h"

#include <array>
#include <cstddef>

namespace nuring::config {
namespace {

constexpr size_t kKeyTextSize = 56;
constexpr size_t kKeySize = 35;  // prefix, 32 bytes, checksum

int base32_value(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= '2' && c <= '7') return c - '2' + 26;
    return -1;
}

// CRC-16/XMODEM.
uint16_t checksum(const uint8_t* bytes, size_t size) {
    uint16_t crc = 0;
    for (size_t i = 0; i < size; ++i) {
        crc ^= static_cast<uint16_t>(bytes[i] << 8);
        for (int bit = 0; bit < 8; ++bit) {
            crc = static_cast<uint16_t>((crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1);
        }
    }
    return crc;
}

}  // namespace

bool is_public_key(std::string_view text, KeyKind kind) {
    if (text.size() != kKeyTextSize) return false;
    std::array<uint8_t, kKeySize> bytes = {};
    uint32_t buffer = 0;
    int bits = 0;
    size_t count = 0;
    for (const char c : text) {
        const int value = base32_value(c);
        if (value < 0) return false;
        buffer = buffer << 5 | static_cast<uint32_t>(value);
        bits += 5;
        if (bits < 8) continue;
        bits -= 8;
        bytes[count++] = static_cast<uint8_t>(buffer >> bits);
    }
    if (bytes[0] != static_cast<uint8_t>(kind)) return false;
    const auto wanted = static_cast<uint16_t>(bytes[kKeySize - 2] | bytes[kKeySize - 1] << 8);
    return checksum(bytes.data(), kKeySize - 2) == wanted;
}

}  // namespace nuring::config

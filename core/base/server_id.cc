// SPDX-License-Identifier: Apache-2.0
#include "core/base/server_id.h"

#include <array>

#include "core/base/crc16.h"

namespace nuring::base {
namespace {

constexpr unsigned char kServerPrefix = 13 << 3;  // 'N'

}  // namespace

std::string make_server_id(std::span<const unsigned char, kServerIdRandomBytes> random) {
    std::array<unsigned char, 1 + kServerIdRandomBytes + 2> raw{kServerPrefix};
    std::copy(random.begin(), random.end(), raw.begin() + 1);
    const uint16_t crc = crc16(std::span(raw).first(1 + kServerIdRandomBytes));
    raw[raw.size() - 2] = static_cast<unsigned char>(crc & 0xff);
    raw[raw.size() - 1] = static_cast<unsigned char>(crc >> 8);

    constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    std::string text;
    uint32_t window = 0;
    int bits = 0;
    for (const unsigned char byte : raw) {
        window = window << 8 | byte;
        for (bits += 8; bits >= 5; bits -= 5) text += kAlphabet[(window >> (bits - 5)) & 31];
    }
    return text;  // 35 bytes are 56 characters exactly
}

}  // namespace nuring::base

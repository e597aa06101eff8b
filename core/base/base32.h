// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace nuring::base {

// Keys and ids as text: base 32 without padding, of bytes whose last two are the checksum of the others.
//
//   | prefix, 32 bytes ... | CRC-16, low byte first |   ->   "UDXU4RC..."
//
// Threads: pure. Source: nkeys strkey.go; RFC 4648.
inline constexpr size_t kChecksumSize = 2;

std::string encode_checked_base32(std::span<const unsigned char> bytes);

enum class [[nodiscard]] Base32Status : uint8_t {
    kOk,
    kNotBase32,    // another letter, another length, or bits left over that are not 0
    kBadChecksum,
};
// Fills `bytes` exactly. The text holds the checksum, too.
Base32Status decode_checked_base32(std::string_view text, std::span<unsigned char> bytes);

}  // namespace nuring::base

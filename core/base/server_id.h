// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace nuring::base {

inline constexpr size_t kServerIdRandomBytes = 32;

// The id of a server in the style of a public server nkey: 'N' and 55 more base-32 characters, of a
// prefix byte, 32 random bytes and their CRC-16.
// Source: nkeys strkey.go: PrefixByteServer, Encode; RFC 4648 base 32 without padding.
std::string make_server_id(std::span<const unsigned char, kServerIdRandomBytes> random);

}  // namespace nuring::base

// SPDX-License-Identifier: Apache-2.0
// Checks of keys that a configuration names. Kept here, small: core/auth has the rest of nkeys.
#pragma once

#include <cstdint>
#include <string_view>

namespace nuring::config {

// First letter of the text form of a public key.
enum class KeyKind : uint8_t { kAccount = 0x00, kOperator = 0x70, kUser = 0xA0 };

// True for 56 base32 characters that hold the kind's prefix, 32 key bytes and their checksum.
// Source: nkeys 0.0.2, strkey.go.
bool is_public_key(std::string_view text, KeyKind kind);

}  // namespace nuring::config

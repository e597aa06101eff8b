// SPDX-License-Identifier: Apache-2.0
// Checks of names that a configuration holds. Kept here, small, because config sees only base;
// the folders that work with subjects and keys have their own, faster ones.
#pragma once

#include <cstdint>
#include <string_view>

namespace nuring::config {

// First letter of the text form of a public key.
enum class KeyKind : uint8_t { kAccount = 0x00, kOperator = 0x70, kUser = 0xA0 };

// True for 56 base32 characters that hold the kind's prefix, 32 key bytes and their checksum.
// Source: nkeys 0.0.2, strkey.go.
bool is_public_key(std::string_view text, KeyKind kind);

// A subject or pattern: tokens between dots, none empty, no white space, `>` only as the last.
// Source: IsValidSubject in server/sublist.go 2.9.10.
bool is_valid_subject(std::string_view subject);

// True if every subject that `subject` matches is matched by `pattern`, both valid.
bool is_subset_of(std::string_view subject, std::string_view pattern);

}  // namespace nuring::config

// SPDX-License-Identifier: Apache-2.0
// Passwords for configuration files: random ones, and bcrypt hashes of any.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace nuring::tools {

inline constexpr int kCostMin = 4;
inline constexpr int kCostMax = 31;
inline constexpr int kCostDefault = 11;
inline constexpr int kCostTooLow = 10;  // what a cost below kCostMin becomes, as in the reference

// Bytes that bcrypt looks at; more would be ignored without a word.
inline constexpr size_t kPasswordMax = 72;
inline constexpr size_t kGeneratedSize = 22;

// 22 characters out of 72, from the kernel's generator: about 135 bits.
// Source: genPassword in util/mkpasswd 2.0.0-RC19.
absl::StatusOr<std::string> generate_password();

// "$2a$<cost>$<salt><hash>" with a fresh salt; time doubles with each step of cost.
// Errors: a cost above 31, a password longer than kPasswordMax, a failure of the C library.
// Source: libxcrypt; the texts are those of golang.org/x/crypto/bcrypt.
absl::StatusOr<std::string> bcrypt_hash(const std::string& password, int cost);

}  // namespace nuring::tools

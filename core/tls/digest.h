// SPDX-License-Identifier: Apache-2.0
// SHA-256, where a protocol asks for one.
// Threads: any. Errors: none. Source: FIPS 180-4, by OpenSSL.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace nuring::tls {

std::array<uint8_t, 32> sha256(std::string_view text);

}  // namespace nuring::tls

// SPDX-License-Identifier: Apache-2.0
// CRC-32C (Castagnoli), by the processor's instruction where it has one.
// Threads: any. Errors: none. Source: RFC 3720, appendix B.4.
#pragma once

#include <cstdint>
#include <string_view>

namespace nuring::proto {

// The sum of `bytes` that follow other bytes with the sum `before`.
uint32_t crc32c(std::string_view bytes, uint32_t before = 0);

// The same by a table: for processors without the instruction, and as the model of the test.
uint32_t crc32c_by_table(std::string_view bytes, uint32_t before = 0);

}  // namespace nuring::proto

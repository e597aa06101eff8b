// SPDX-License-Identifier: Apache-2.0
#include "proto/crc32c.h"

#include <array>
#include <cstddef>
#include <cstring>

namespace nuring::proto {
namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;  // reflected

constexpr std::array<uint32_t, 256> make_table() {
    std::array<uint32_t, 256> table = {};
    for (uint32_t i = 0; i < table.size(); ++i) {
        uint32_t sum = i;
        for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1) ^ ((sum & 1) != 0 ? kPolynomial : 0);
        table[i] = sum;
    }
    return table;
}

constexpr std::array<uint32_t, 256> kTable = make_table();
static_assert(kTable[1] == 0xf26b8303);

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) uint32_t crc32c_by_instruction(std::string_view bytes,
                                                                 uint32_t before) {
    uint64_t sum = ~before;
    const char* at = bytes.data();
    size_t left = bytes.size();
    for (; left >= sizeof(uint64_t); left -= sizeof(uint64_t), at += sizeof(uint64_t)) {
        uint64_t word = 0;
        std::memcpy(&word, at, sizeof word);
        sum = __builtin_ia32_crc32di(sum, word);
    }
    auto narrow = static_cast<uint32_t>(sum);
    for (; left > 0; --left, ++at) {
        narrow = __builtin_ia32_crc32qi(narrow, static_cast<uint8_t>(*at));
    }
    return ~narrow;
}

bool has_instruction() {
    static const bool has = __builtin_cpu_supports("sse4.2") != 0;
    return has;
}

#endif

}  // namespace

uint32_t crc32c_by_table(std::string_view bytes, uint32_t before) {
    uint32_t sum = ~before;
    for (const char c : bytes) sum = kTable[(sum ^ static_cast<uint8_t>(c)) & 0xff] ^ (sum >> 8);
    return ~sum;
}

uint32_t crc32c(std::string_view bytes, uint32_t before) {
#if defined(__x86_64__)
    if (has_instruction()) return crc32c_by_instruction(bytes, before);
#endif
    return crc32c_by_table(bytes, before);
}

}  // namespace nuring::proto

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace nuring::interest {

__extension__ typedef unsigned __int128 Uint128;

// Both halves of the 128-bit product, folded: the mixing step of the hash.
inline uint64_t multiply_fold(uint64_t a, uint64_t b) {
    const Uint128 product = static_cast<Uint128>(a) * b;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

// subject_hash spreads a subject, a token or a queue name over 64 bits; every bit is usable, so that
// shards, generations, table slots and tags each take bits of their own. Two multiplications for up
// to 16 bytes. Peers choose subjects: a seed that they cannot know keeps them from building
// collisions. Equal seeds give equal hashes on every worker.
// Threads: pure. Errors: none.
// Source:  ours, in the family of wyhash (multiply and fold).
inline uint64_t subject_hash(std::string_view text, uint64_t seed) {
    constexpr uint64_t kFirst = 0x9e3779b97f4a7c15ULL;
    constexpr uint64_t kSecond = 0xd6e8feb86659fd93ULL;
    const auto load8 = [](const char* p) {
        uint64_t word;
        std::memcpy(&word, p, 8);
        return word;
    };
    const auto load4 = [](const char* p) {
        uint32_t word;
        std::memcpy(&word, p, 4);
        return uint64_t{word};
    };
    const char* p = text.data();
    size_t left = text.size();
    uint64_t state = seed ^ kFirst;
    uint64_t head = 0;
    uint64_t tail = 0;
    if (left >= 8) {
        while (left > 16) {
            state = multiply_fold(load8(p) ^ kSecond, load8(p + 8) ^ state);
            p += 16;
            left -= 16;
        }
        // The last 16 bytes overlap what was read before, except in texts of up to 16 bytes.
        const char* end = text.data() + text.size();
        head = text.size() > 16 ? load8(end - 16) : load8(p);
        tail = load8(end - 8);
    } else if (left >= 4) {
        head = load4(p);
        tail = load4(p + left - 4);
    } else if (left > 0) {
        const auto byte = [p](size_t i) { return uint64_t{static_cast<unsigned char>(p[i])}; };
        head = byte(0) << 16 | byte(left >> 1) << 8 | byte(left - 1);
    }
    const uint64_t mixed = multiply_fold(head ^ kSecond, tail ^ state);
    return multiply_fold(mixed ^ kFirst, state ^ kSecond ^ text.size());
}

}  // namespace nuring::interest

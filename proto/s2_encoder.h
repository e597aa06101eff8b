// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace nuring::proto {

// S2Encoder writes S2 blocks (proto/s2.h) that are smaller than libsnappy's and take up to twice as long.
//
// It is greedy: at each position it tries the last place that had the same seven bytes, then the last one
// that had the same four, and takes the first that matches. A copy with the offset of the one before it is
// written as a repeat, of any length.
//
// Threads: one. Limits: kBlockMax; 160 KiB of memory; time is linear in the size.
// Errors:  none.
// Source:  ours. The order of the tries is that of klauspost/compress 1.20.4, s2/encode_better.go.
class S2Encoder {
  public:
    // Positions and offsets have 16 bits.
    static constexpr size_t kBlockMax = 60 * 1024;

    // Writes the block of these bytes to `out`; returns its size, or 0 if it needs more than `room`.
    size_t encode(std::string_view bytes, char* out, size_t room);

    // Room for input that has to be put together from pieces.
    std::span<char, kBlockMax> room() { return room_; }

  private:
    static constexpr int kSevenBits = 15;
    static constexpr int kFourBits = 14;

    // The bytes at `at` are those at `from`; at = 0: none.
    struct Match {
        size_t at = 0;
        size_t from = 0;
    };

    void begin(size_t size);
    uint16_t& seven(uint64_t bytes);
    uint16_t& four(uint64_t bytes);
    Match find(const uint8_t* source, size_t at);
    void enter(const uint8_t* source, size_t begin, size_t end);

    // The last position of each hash; 0 also means none, since what stands there is compared anyway.
    std::array<uint16_t, 1U << kSevenBits> by_seven_;
    std::array<uint16_t, 1U << kFourBits> by_four_;
    int seven_shift_ = 0;
    int four_shift_ = 0;
    std::array<char, kBlockMax> room_;
};

}  // namespace nuring::proto

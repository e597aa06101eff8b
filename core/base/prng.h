// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace nuring::base {

// Prng is a small, fast, seedable generator (xoshiro256**): queue-group picks, jitter, simulation.
// Not for secrets; those come from the ring's entropy or from OpenSSL.
// Threads: one owner. Errors: none.
// Source:  Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2018.
class Prng {
  public:
    explicit Prng(uint64_t seed) {
        for (uint64_t& word : state_) word = split_mix(seed);
    }

    uint64_t next() {
        const uint64_t result = rotate(state_[1] * 5, 7) * 9;
        const uint64_t shifted = state_[1] << 17;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= shifted;
        state_[3] = rotate(state_[3], 45);
        return result;
    }

    // Uniform in [0, bound); bound must not be 0. Lemire's multiply-shift: the bias is below
    // bound / 2^32, which no test of fairness can see for the bounds used here.
    uint32_t below(uint32_t bound) {
        return static_cast<uint32_t>((uint64_t{static_cast<uint32_t>(next() >> 32)} * bound) >> 32);
    }

    // True with the given probability in percent.
    bool percent(uint32_t chance) { return below(100) < chance; }

  private:
    static constexpr uint64_t rotate(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }
    static constexpr uint64_t split_mix(uint64_t& seed) {
        seed += 0x9e3779b97f4a7c15ULL;
        uint64_t z = seed;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        return z ^ (z >> 31);
    }

    uint64_t state_[4];
};

}  // namespace nuring::base

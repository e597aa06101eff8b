// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace nuring::runtime {

// LatencyHistogram counts durations in buckets that are a sixteenth of a power of two wide, so that a
// percentile is wrong by 6 % at most, whatever its size.
//
//   bucket 0..15: 0..15 ns each    16..31: one each    32..47: two each    ...
//
// Threads: one writer; readers get copies. Limits: durations above kLimit_ns count as kLimit_ns.
// Errors:  none. Source: ours; the layout is that of HdrHistogram.
class LatencyHistogram {
  public:
    static constexpr uint32_t kSubBits = 4;
    static constexpr uint32_t kSubCount = 1U << kSubBits;
    static constexpr uint32_t kBitsMax = 40;
    static constexpr uint64_t kLimit_ns = (uint64_t{1} << kBitsMax) - 1;
    static constexpr uint32_t kBucketCount = (kBitsMax - kSubBits + 1) * kSubCount;

    void record(uint64_t ns) {
        ++buckets_[bucket_of(std::min(ns, kLimit_ns))];
        ++count_;
        sum_ns_ += ns;
    }
    void add(const LatencyHistogram& other) {
        for (uint32_t i = 0; i < kBucketCount; ++i) buckets_[i] += other.buckets_[i];
        count_ += other.count_;
        sum_ns_ += other.sum_ns_;
    }

    uint64_t count() const { return count_; }
    uint64_t sum_ns() const { return sum_ns_; }
    // The upper end of the bucket that holds the given part of all durations, e.g. 0.99; 0: no durations.
    uint64_t quantile_ns(double part) const {
        const auto wanted = std::max<uint64_t>(
            1, static_cast<uint64_t>(part * static_cast<double>(count_) + 0.999999));
        uint64_t seen = 0;
        for (uint32_t i = 0; i < kBucketCount && count_ != 0; ++i) {
            seen += buckets_[i];
            if (seen >= wanted) return bucket_end_ns(i) - 1;
        }
        return 0;
    }
    // How many were shorter than 2^bits ns; exact.
    uint64_t count_below_power(uint32_t bits) const {
        uint64_t seen = 0;
        const uint32_t end = bucket_of(uint64_t{1} << std::min(bits, kBitsMax - 1));
        for (uint32_t i = 0; i < end; ++i) seen += buckets_[i];
        return bits >= kBitsMax ? count_ : seen;
    }

    static constexpr uint32_t bucket_of(uint64_t ns) {
        if (ns < kSubCount) return static_cast<uint32_t>(ns);
        const auto shift = static_cast<uint32_t>(std::bit_width(ns)) - kSubBits - 1;
        return (shift + 1) * kSubCount + static_cast<uint32_t>(ns >> shift) - kSubCount;
    }
    // The first duration that belongs to a later bucket.
    static constexpr uint64_t bucket_end_ns(uint32_t bucket) {
        if (bucket < kSubCount) return bucket + 1;
        const uint32_t shift = bucket / kSubCount - 1;
        return uint64_t{bucket % kSubCount + kSubCount + 1} << shift;
    }

  private:
    std::array<uint64_t, kBucketCount> buckets_{};
    uint64_t count_ = 0;
    uint64_t sum_ns_ = 0;
};

static_assert(LatencyHistogram::bucket_of(LatencyHistogram::kLimit_ns) ==
              LatencyHistogram::kBucketCount - 1);

}  // namespace nuring::runtime

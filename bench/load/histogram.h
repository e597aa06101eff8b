// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace nuring::bench {

// Histogram counts durations in log-linear buckets: 64 steps per power of two, so a quantile is at
// most 1.6 % above the true value, in constant memory and without losing the tail.
// Threads: one.
// Limits:  values up to 2^40 ns (18 minutes); larger ones land in the last bucket.
// Errors:  none; quantiles of an empty histogram are 0.
// Source:  ours; the idea is that of HdrHistogram.
class Histogram {
  public:
    static constexpr uint32_t kStepBits = 6;
    static constexpr uint32_t kSteps = 1U << kStepBits;
    static constexpr uint32_t kTopBit = 40;
    static constexpr size_t kBuckets = (kTopBit - kStepBits + 1) * kSteps;

    static constexpr size_t bucket_of(uint64_t value) {
        if (value < kSteps) return value;
        const uint32_t top = static_cast<uint32_t>(std::bit_width(value)) - 1;
        if (top >= kTopBit) return kBuckets - 1;
        const uint32_t shift = top - kStepBits;
        return size_t{shift + 1} * kSteps + static_cast<size_t>((value >> shift) - kSteps);
    }

    // The largest value that falls into a bucket.
    static constexpr uint64_t bucket_limit(size_t bucket) {
        if (bucket < kSteps) return bucket;
        const uint64_t shift = bucket / kSteps - 1;
        return ((kSteps + bucket % kSteps + 1) << shift) - 1;
    }

    void add(uint64_t value_ns) {
        ++counts_[bucket_of(value_ns)];
        ++count_;
        max_ = std::max(max_, value_ns);
    }

    void clear() { *this = Histogram(); }

    uint64_t count() const { return count_; }
    uint64_t max_ns() const { return max_; }

    // The value below or at which the given share (0..1) of all values lies.
    uint64_t quantile_ns(double share) const {
        const auto wanted = static_cast<uint64_t>(share * static_cast<double>(count_) + 0.5);
        uint64_t seen = 0;
        for (size_t bucket = 0; bucket < kBuckets && count_ != 0; ++bucket) {
            seen += counts_[bucket];
            if (seen >= std::max<uint64_t>(wanted, 1)) return std::min(bucket_limit(bucket), max_);
        }
        return max_;
    }

    // Calls `on_bucket(limit_ns, count)` for each bucket that holds something, in order.
    template <class OnBucket>
    void each(OnBucket&& on_bucket) const {
        for (size_t bucket = 0; bucket < kBuckets; ++bucket) {
            if (counts_[bucket] != 0)
                on_bucket(std::min(bucket_limit(bucket), max_), counts_[bucket]);
        }
    }

  private:
    std::array<uint64_t, kBuckets> counts_{};
    uint64_t count_ = 0;
    uint64_t max_ = 0;
};

}  // namespace nuring::bench

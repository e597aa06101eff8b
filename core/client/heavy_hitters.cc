// SPDX-License-Identifier: Apache-2.0
#include "core/client/heavy_hitters.h"

#include <algorithm>

namespace nuring::client {

// All messages since the last sample count for this one: the gap is drawn anew each time, so no rhythm
// of the traffic hides behind it.
void HeavyHitters::note(const Sample& sample, uint64_t now_ns) {
    const auto messages = static_cast<uint64_t>(gap_ - left_);
    const uint64_t bytes = messages * sample.bytes_each;
    turn_windows(now_ns);
    Window& window = windows_[current_];
    window.subjects.add(sample.subject_hash, messages, bytes, [&](SubjectLabel* label) {
        label->account = sample.account;
        label->subject = sample.subject;
    });
    window.connections.add(sample.cid, messages, bytes,
                           [&](ConnectionLabel* label) { label->link = sample.link; });
    ++samples_;
    adapt(now_ns);
    gap_ = static_cast<int64_t>(step_ == 1 ? 1 : step_ / 2 + prng_.next() % step_);
    left_ = gap_;
}

void HeavyHitters::adapt(uint64_t now_ns) {
    if (samples_ >= kSamplesMax) {
        step_ = std::min(step_ * 2, kStepMax);
        samples_ = 0;
        period_begin_ns_ = now_ns;
        return;
    }
    const uint64_t periods = (now_ns - period_begin_ns_) / kPeriod_ns;
    if (periods == 0) return;
    // A step that would do with half as many samples stays.
    const uint64_t quiet = samples_ > kSamplesMax / 2 ? periods - 1 : periods;
    step_ = std::max<uint64_t>(1, step_ >> std::min<uint64_t>(quiet, 63));
    samples_ = 0;
    period_begin_ns_ = now_ns;
}

void HeavyHitters::turn_windows(uint64_t now_ns) {
    Window& now = windows_[current_];
    if (now.begin_ns == 0) now.begin_ns = now_ns;
    if (now_ns - now.begin_ns < kWindow_ns) return;
    const bool both_are_old = now_ns - now.begin_ns >= 2 * kWindow_ns;
    current_ = 1 - current_;
    Window& fresh = windows_[current_];
    fresh.subjects.clear();
    fresh.connections.clear();
    fresh.begin_ns = now_ns;
    if (both_are_old) {
        windows_[1 - current_].subjects.clear();
        windows_[1 - current_].connections.clear();
        windows_[1 - current_].begin_ns = now_ns;
    }
}

void HeavyHitters::refresh(uint64_t now_ns) {
    if (!enabled_) return;
    turn_windows(now_ns);
    // After a burst the gap may be long for what comes now.
    if (now_ns - period_begin_ns_ < 2 * kPeriod_ns) return;
    step_ = 1;
    gap_ -= left_ - 1;
    left_ = 1;
}

}  // namespace nuring::client

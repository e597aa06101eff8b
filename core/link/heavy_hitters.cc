// SPDX-License-Identifier: Apache-2.0
#include "core/link/heavy_hitters.h"

#include "absl/container/flat_hash_map.h"
#include "core/link/client.h"
#include "core/link/worker_links.h"

namespace nuring::link {

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

bool HeavyHittersSurvey::step(WorkerLinks& links) {
    const uint64_t now_ns = links.ring.now_ns();
    HeavyHitters& hitters = links.heavy_hitters;
    hitters.refresh(now_ns);
    absl::flat_hash_map<uint64_t, size_t> subject_at;
    absl::flat_hash_map<uint64_t, size_t> connection_at;
    for (const HeavyHitters::Window* window : {&hitters.previous(), &hitters.current()}) {
        if (window->begin_ns != 0) window_ns_ = std::max(window_ns_, now_ns - window->begin_ns);
        window->subjects.for_each([&](uint64_t key, const HeavyHitters::Subjects::Entry& entry) {
            const auto [place, fresh] = subject_at.emplace(key, subjects_.size());
            if (fresh) {
                subjects_.push_back({.account = entry.label.account->name(),
                                     .subject = entry.label.subject});
            }
            subjects_[place->second].messages += entry.messages;
            subjects_[place->second].bytes += entry.bytes;
        });
        window->connections.for_each([&](uint64_t cid,
                                         const HeavyHitters::Connections::Entry& entry) {
            const auto [place, fresh] = connection_at.emplace(cid, connections_.size());
            if (fresh) {
                TopConnection& connection = connections_.emplace_back();
                connection.cid = cid;
                // Clients only are noted; who has gone has lost its name.
                if (const Link* link = links.table.find(entry.label.link)) {
                    const auto& client = static_cast<const Client&>(*link);
                    connection.name = client.name();
                    connection.account = client.account().name();
                }
            }
            connections_[place->second].messages += entry.messages;
            connections_[place->second].bytes += entry.bytes;
        });
    }
    return true;
}

}  // namespace nuring::link

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/ids.h"
#include "core/base/prng.h"

namespace nuring::account {
class Account;
}

namespace nuring::client {

// SpaceSaving keeps the heaviest of a stream of keys in constant memory: a newcomer takes the place of the
// lightest and starts with its weight, so each key with more than a kCapacity-th of all is in the table.
// It reports only the weight that a key gained since it took its place: never too much.
// Threads: one. Limits: kCapacity keys. Errors: none.
// Source:  Metwally and others, "Efficient Computation of Frequent and Top-k Elements", 2005.
template <class Label>
class SpaceSaving {
  public:
    static constexpr size_t kCapacity = 128;
    struct Entry {
        uint64_t messages = 0;
        uint64_t bytes = 0;
        Label label;
    };

    // set_label(Label*) is called for a newcomer.
    template <class SetLabel>
    void add(uint64_t key, uint64_t messages, uint64_t bytes, SetLabel&& set_label) {
        size_t index = 0;
        while (index < size_ && keys_[index] != key) ++index;
        if (index == size_) {
            if (size_ < kCapacity) {
                weights_[size_++] = 0;
            } else {
                index = static_cast<size_t>(std::min_element(weights_.begin(), weights_.end()) -
                                            weights_.begin());
            }
            keys_[index] = key;
            entries_[index].messages = entries_[index].bytes = 0;
            set_label(&entries_[index].label);
        }
        weights_[index] += bytes + messages * kMessageWeight;
        entries_[index].messages += messages;
        entries_[index].bytes += bytes;
    }
    void clear() { size_ = 0; }

    template <class Visit>
    void for_each(Visit&& visit) const {
        for (size_t i = 0; i < size_; ++i) visit(keys_[i], entries_[i]);
    }

  private:
    // The cost of a message beside its bytes, in bytes.
    static constexpr uint64_t kMessageWeight = 128;

    size_t size_ = 0;
    std::array<uint64_t, kCapacity> keys_;
    std::array<uint64_t, kCapacity> weights_;
    std::array<Entry, kCapacity> entries_;
};

// HeavyHitters finds the subjects and the connections that publish most on one worker, over the last half
// to one minute. Every message counts down; only when the count is used up, one is looked at, for all
// that passed since. The step is one message while traffic is low, so that counts are exact, and grows
// with it, so that looking costs a worker some 0.2 % of its time.
// Threads: one worker. Limits: kCapacity of SpaceSaving. Errors: none. Source: ours.
class HeavyHitters {
  public:
    static constexpr uint64_t kWindow_ns = 30'000'000'000;

    struct SubjectLabel {
        const account::Account* account = nullptr;
        std::string subject;
    };
    struct ConnectionLabel {
        base::LinkHandle link;
    };
    using Subjects = SpaceSaving<SubjectLabel>;
    using Connections = SpaceSaving<ConnectionLabel>;  // by cid
    struct Window {
        uint64_t begin_ns = 0;
        Subjects subjects;
        Connections connections;
    };
    struct Sample {
        const account::Account* account;
        std::string_view subject;
        uint64_t subject_hash;  // differs from account to account
        uint64_t cid;
        base::LinkHandle link;
        uint32_t bytes_each;
    };

    HeavyHitters(bool enabled, uint64_t seed) : enabled_(enabled), prng_(seed) {
        if (!enabled_) left_ = gap_ = INT64_MAX;
    }

    // Per run of messages. True: note() is due.
    bool due(uint32_t messages) {
        left_ -= messages;
        return left_ <= 0;
    }
    void note(const Sample& sample, uint64_t now_ns);

    bool enabled() const { return enabled_; }
    // Brings the windows up to date, before they are read.
    void refresh(uint64_t now_ns);
    const Window& current() const { return windows_[current_]; }
    const Window& previous() const { return windows_[1 - current_]; }

  private:
    static constexpr uint64_t kPeriod_ns = 100'000'000;
    static constexpr uint32_t kSamplesMax = 1000;  // per period; above, the step doubles
    static constexpr uint64_t kStepMax = 1 << 20;

    void adapt(uint64_t now_ns);
    void turn_windows(uint64_t now_ns);

    int64_t left_ = 1;  // messages until the next sample; touched per run
    int64_t gap_ = 1;   // what left_ began with
    uint64_t step_ = 1;
    uint64_t period_begin_ns_ = 0;
    uint32_t samples_ = 0;  // in this period
    const bool enabled_;
    base::Prng prng_;
    size_t current_ = 0;
    std::array<Window, 2> windows_;
};

}  // namespace nuring::client

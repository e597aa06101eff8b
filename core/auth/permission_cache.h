// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace nuring::auth {

// PermissionCache keeps the last answers that one connection got to one question ("may it publish to
// this subject?"), so that the data path does not walk the user's patterns again. A subject has two
// places, neighbours; whoever comes later moves in where it is emptier.
// Threads: one worker.
// Limits:  4 places (512 bytes) with the first answer, doubled while subjects drive each other out, up to
//          kSlotsMax (16 KiB). Subjects above kTextMax bytes are asked for each time.
// Errors:  none. A peer that aims at one place gains nothing but the full check, which it had anyway.
// Source:  ours; the reference keeps 128 answers in a map (server/client.go, pcache).
class PermissionCache {
  public:
    enum class Answer : uint8_t { kUnknown, kYes, kNo };

    Answer find(std::string_view subject) const {
        if (slots_.empty() || subject.size() > kTextMax) return Answer::kUnknown;
        const size_t home = place(subject);
        if (slots_[home].holds(subject)) return slots_[home].answer;
        return slots_[home ^ 1].holds(subject) ? slots_[home ^ 1].answer : Answer::kUnknown;
    }
    // find() has just not known it, or other answers have come since.
    void remember(std::string_view subject, bool answer) {
        if (subject.size() > kTextMax) return;
        if (slots_.empty()) resize(kSlotsMin);
        size_t home = place(subject);
        const auto taken = [&](size_t at) {
            return slots_[at].answer != Answer::kUnknown && !slots_[at].holds(subject);
        };
        if (taken(home)) home ^= 1;
        if (taken(home) && ++driven_out_ > slots_.size() && slots_.size() < kSlotsMax) {
            resize(slots_.size() * 2);
            home = place(subject);
        }
        Slot& slot = slots_[home];
        slot.answer = answer ? Answer::kYes : Answer::kNo;
        slot.size = static_cast<uint8_t>(subject.size());
        std::memcpy(slot.text, subject.data(), subject.size());
    }
    // The permissions are others from now on.
    void clear() { slots_ = {}; }

  private:
    static constexpr size_t kSlotsMin = 4;
    static constexpr size_t kSlotsMax = 128;
    static constexpr size_t kTextMax = 126;

    struct Slot {
        Answer answer = Answer::kUnknown;
        uint8_t size = 0;
        char text[kTextMax];

        bool holds(std::string_view subject) const {
            return size == subject.size() && std::memcmp(text, subject.data(), size) == 0;
        }
    };
    static_assert(sizeof(Slot) == 128);

    // Of the size, the first and the last eight bytes: subjects that take turns differ there.
    size_t place(std::string_view subject) const {
        uint64_t first = 0;
        uint64_t last = 0;
        const size_t size = subject.size();
        if (size >= sizeof first) {
            std::memcpy(&first, subject.data(), sizeof first);
            std::memcpy(&last, subject.data() + size - sizeof last, sizeof last);
        } else {
            std::memcpy(&first, subject.data(), size);
        }
        const uint64_t mixed = (first ^ (last + size) * 0x9e3779b97f4a7c15ULL) * 0xff51afd7ed558ccdULL;
        return static_cast<size_t>(mixed >> shift_);
    }
    void resize(size_t count) {
        slots_ = std::vector<Slot>(count);
        shift_ = static_cast<uint32_t>(64 - std::countr_zero(count));
        driven_out_ = 0;
    }

    std::vector<Slot> slots_;
    uint32_t shift_ = 0;
    uint32_t driven_out_ = 0;  // answers, since the last growth
};

}  // namespace nuring::auth

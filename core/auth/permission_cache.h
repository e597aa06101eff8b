// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "core/interest/subject_hash.h"

namespace nuring::auth {

// PermissionCache keeps the last answers that one connection got to one question ("may it publish to
// this subject?"), so that the data path does not walk the user's patterns again. A subject has kWays
// places, neighbours; whoever comes later moves in where it is empty, or drives out one of them in turn.
// Threads: one worker.
// Limits:  4 places (512 bytes) with the first answer, doubled while subjects drive each other out, up to
//          kSlotsMax (32 KiB). Subjects above kTextMax bytes are asked for each time.
// Errors:  none. A peer that aims at one place gains nothing but the full check, which it had anyway.
// Source:  ours; the reference keeps 128 answers in a map (server/client.go, pcache).
class PermissionCache {
  public:
    enum class Answer : uint8_t { kUnknown, kYes, kNo };

    Answer find(std::string_view subject) const {
        if (slots_.empty() || subject.size() > kTextMax) return Answer::kUnknown;
        const uint64_t hash = interest::subject_hash(subject, 0);
        const Slot* const home = &slots_[place(hash)];
        for (size_t way = 0; way < kWays; ++way) {
            if (home[way].holds(hash, subject)) return home[way].answer;
        }
        return Answer::kUnknown;
    }
    // find() has just not known it, or other answers have come since.
    void remember(std::string_view subject, bool answer) {
        if (subject.size() > kTextMax) return;
        if (slots_.empty()) resize(kSlotsMin);
        const uint64_t hash = interest::subject_hash(subject, 0);
        const auto is_free = [&](size_t at) {
            return slots_[at].answer == Answer::kUnknown || slots_[at].holds(hash, subject);
        };
        size_t at = place(hash);
        size_t way = 0;
        while (way < kWays && !is_free(at + way)) ++way;
        if (way == kWays) {
            if (++driven_out_ > slots_.size() && slots_.size() < kSlotsMax) {
                resize(slots_.size() * 2);
                at = place(hash);
            }
            way = driven_out_ % kWays;
        }
        Slot& slot = slots_[at + way];
        slot.answer = answer ? Answer::kYes : Answer::kNo;
        slot.size = static_cast<uint8_t>(subject.size());
        slot.tag = static_cast<uint16_t>(hash);
        std::memcpy(slot.text, subject.data(), subject.size());
    }
    // The permissions are others from now on.
    void clear() { slots_ = {}; }

  private:
    static constexpr size_t kWays = 4;
    static constexpr size_t kSlotsMin = kWays;
    static constexpr size_t kSlotsMax = 256;
    static constexpr size_t kTextMax = 124;

    struct Slot {
        Answer answer = Answer::kUnknown;
        uint8_t size = 0;
        uint16_t tag = 0;  // the low bits of the hash: most neighbours differ in them
        char text[kTextMax];

        bool holds(uint64_t hash, std::string_view subject) const {
            return tag == static_cast<uint16_t>(hash) && size == subject.size() &&
                   std::memcmp(text, subject.data(), size) == 0;
        }
    };
    static_assert(sizeof(Slot) == 128);

    // The first of its places.
    size_t place(uint64_t hash) const { return (hash >> 32 & mask_) * kWays; }
    void resize(size_t count) {
        slots_ = std::vector<Slot>(count);
        mask_ = count / kWays - 1;
        driven_out_ = 0;
    }

    std::vector<Slot> slots_;
    uint64_t mask_ = 0;  // of groups of places
    uint32_t driven_out_ = 0;  // answers, since the last growth
};

}  // namespace nuring::auth

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace nuring::client {

// A link that is logged in has one check of its token under way at most, and one more to come: claims may
// change faster than tokens are checked.
class RepeatedCheck {
  public:
    // True: make the check now.
    [[nodiscard]] bool begin() {
        const bool is_first = state_ == State::kNone;
        state_ = is_first ? State::kOne : State::kTwo;
        return is_first;
    }
    // The verdict is there. True: make the next one.
    [[nodiscard]] bool end() {
        const bool is_more = state_ == State::kTwo;
        state_ = is_more ? State::kOne : State::kNone;
        return is_more;
    }

  private:
    enum class State : uint8_t { kNone, kOne, kTwo };
    State state_ = State::kNone;
};

}  // namespace nuring::client

// SPDX-License-Identifier: Apache-2.0
// The arguments of a control line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proto/limits.h"

namespace nuring::proto {

// Words has the first words of a line as views into it, and how many there were.
template <size_t kMax>
struct Words {
    std::string_view at[kMax];
    size_t count = 0;  // may exceed kMax

    void add(std::string_view word) {
        if (count < kMax) at[count] = word;
        ++count;
    }
};

using Args = Words<kClientArgsMax>;

// RouteArgs is the same for the lines of servers. Ends are kept instead of sizes, a word each: a view which
// is read back at once as a whole would wait for both of its halves to be written.
class RouteArgs {
  public:
    size_t count() const { return count_; }    // may exceed kRouteArgsKept
    std::string_view at(size_t index) const {  // index < count(), kRouteArgsKept
        return {from_[index], static_cast<size_t>(to_[index] - from_[index])};
    }
    void add(std::string_view word) {
        if (count_ < kRouteArgsKept) {
            from_[count_] = word.data();
            to_[count_] = word.data() + word.size();
        }
        ++count_;
    }

  private:
    size_t count_ = 0;
    const char*
        from_[kRouteArgsKept];  // not set at first: to clear them costs as much as to parse a line
    const char* to_[kRouteArgsKept];
};

// The separators of words: spaces and tabs; with SUB, UNSUB and between servers also CR and LF.
enum class Separators : uint8_t { kBlanks, kBlanksAndLineEnds };

// Splits the argument part of a line. `end`: the end of the input that the text lies in.
Args split_args(std::string_view text, const char* end, Separators separators);
RouteArgs split_route_args(std::string_view text, const char* end);  // kBlanksAndLineEnds

}  // namespace nuring::proto

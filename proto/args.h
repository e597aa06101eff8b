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
using RouteArgs = Words<kRouteArgsKept>;

// What separates words: spaces and tabs; with SUB, UNSUB and between servers also CR.
enum class Separators : uint8_t { kBlanks, kBlanksAndCr };

// Splits the argument part of a line. `end`: the end of the input that the text lies in.
Args split_args(std::string_view text, const char* end, Separators separators);
RouteArgs split_route_args(std::string_view text, const char* end);  // kBlanksAndCr

}  // namespace nuring::proto

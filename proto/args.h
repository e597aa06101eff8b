// SPDX-License-Identifier: Apache-2.0
// The arguments of a control line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proto/limits.h"

namespace nuring::proto {

// Args has the words of a line as views into it, and how many there were.
struct Args {
    std::string_view at[kClientArgsMax];
    size_t count = 0;  // may exceed kClientArgsMax

    void add(std::string_view word) {
        if (count < kClientArgsMax) at[count] = word;
        ++count;
    }
};

// What separates words: spaces and tabs; with SUB and UNSUB also CR.
enum class Separators : uint8_t { kBlanks, kBlanksAndCr };

// Splits the argument part of a line. `end`: the end of the input that the text lies in.
Args split_args(std::string_view text, const char* end, Separators separators);

}  // namespace nuring::proto

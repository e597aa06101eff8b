// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "core/ring/ring.h"

namespace nuring::ring {

// A name like the generated ones of the reference (nuid): 22 characters of base 62, unique, not secret.
// Threads: the ring's. Errors: none.
inline std::string random_name(Ring& ring) {
    constexpr std::string_view kDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    std::array<unsigned char, 22> random;
    ring.fill_random(random);
    std::string name;
    for (const unsigned char byte : random) name += kDigits[byte % kDigits.size()];
    return name;
}

}  // namespace nuring::ring

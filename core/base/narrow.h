// SPDX-License-Identifier: Apache-2.0
// A cast to a smaller integer that ends the process when the value does not fit: a wrong length would corrupt
// what is written behind it. To be used after the length was checked where it entered.
#pragma once

#include <cassert>
#include <type_traits>
#include <utility>

namespace nuring::base {

template <class To, class From>
constexpr To narrow(From value) {
    static_assert(std::is_integral_v<To>);
    static_assert(std::is_integral_v<From>);
    assert(std::in_range<To>(value));
    return static_cast<To>(value);
}

}  // namespace nuring::base

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <system_error>

namespace nuring::base {

// The text of an errno, in the words of the C library and in lower case as Go has them, since operators look
// for those in their logs: "no such file or directory", "address already in use". From any thread.
inline std::string errno_text(int error) {
    std::string text = std::generic_category().message(error);
    for (char& c : text) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return text;
}

}  // namespace nuring::base

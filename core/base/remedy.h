// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <string_view>

namespace nuring::base {

// The remedy for a file that cannot be opened, to be printed after the cause; empty where the cause
// says enough. From any thread.
constexpr std::string_view file_remedy(int error) {
    switch (error) {
        case EACCES:
        case EPERM:
            return " - the server's user has no right to it: change owner or mode, or choose "
                   "another path";
        case EROFS:
            return " - choose a path on a file system that can be written to";
        default:
            return "";
    }
}

}  // namespace nuring::base

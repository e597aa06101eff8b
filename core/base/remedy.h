// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <string_view>

namespace nuring::base {

// The remedy for a file or another descriptor that cannot be opened, to be printed after the cause; empty
// where the cause says enough. From any thread.
constexpr std::string_view file_remedy(int error) {
    switch (error) {
        case EACCES:
        case EPERM:
            return " - the server's user has no right to it: change owner or mode, or choose "
                   "another path";
        case EROFS:
            return " - choose a path on a file system that can be written to";
        case ENOMEM:
            return " - give the process more memory (ulimit -v, MemoryMax=), or fewer workers";
        case ENOSPC:
            return " - make room on the disk, or choose another path";
        case EMFILE:
            return " - raise the limit of open files (ulimit -n, LimitNOFILE=)";
        case ENFILE:
            return " - raise the system's limit of open files (sysctl fs.file-max)";
        default:
            return "";
    }
}

}  // namespace nuring::base

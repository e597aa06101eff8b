// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace nuring::tools {

// The system as -sl sees it; tests give their own.
struct ProcessTable {
    virtual ~ProcessTable() = default;
    // Other processes that run this program, by their executable's name.
    virtual std::vector<int> find(std::string_view program) const = 0;
    // kill(2); 0 or an errno.
    virtual int send(int pid, int signal) const = 0;
};

// The system's own: /proc and kill(2).
const ProcessTable& system_processes();

// Carries out `-sl word[=pid]`: word is one of stop, quit, reopen, reload, ldm, term; pid is a number
// or a file that holds one (blanks around it are ignored). Without a pid the only other running
// `program` is meant; with `12*`, each of them whose pid begins so, with `*` all.
// Errors: the reference's texts (server/signal.go); the caller prints them and exits with 1.
absl::Status send_signal_command(std::string_view command, std::string_view program,
                                 const ProcessTable& processes);

}  // namespace nuring::tools

// SPDX-License-Identifier: Apache-2.0
// Compares the password or token of a client with the configured one.
// Threads: any. Errors: false, also for a text that is no hash. Limits: bytes behind a NUL never match a
//          hash.
#pragma once

#include <string>
#include <string_view>

namespace nuring::auth {

// Does it begin with $2a$, $2b$, $2x$ or $2y$, two digits, $?
bool is_bcrypt(std::string_view stored);

// Takes the same time wherever the texts differ. (Their length shows in it, as in the reference.)
bool equal_plain(std::string_view stored, std::string_view given);

// Takes tens of milliseconds and more, by design: a job, never on a worker.
bool matches_bcrypt(const std::string& stored, const std::string& given);

}  // namespace nuring::auth

// SPDX-License-Identifier: Apache-2.0
// Comparing what a client sent with what is configured.
#pragma once

#include <string>
#include <string_view>

namespace nuring::auth {

// $2a$, $2b$, $2x$, $2y$, two digits, $.
bool is_bcrypt(std::string_view stored);

// Takes the same time wherever the texts differ. (The length shows, as in the reference.)
bool equal_plain(std::string_view stored, std::string_view given);

// Tens of milliseconds and more, by design: never on a worker.
bool matches_bcrypt(const std::string& stored, const std::string& given);

}  // namespace nuring::auth

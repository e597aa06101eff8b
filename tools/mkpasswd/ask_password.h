// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

namespace nuring::tools {

// A password from standard input: from a terminal twice and without echo, which a signal that ends the
// program switches on again; from a pipe once, and a second line, if any, must be the same. Prompts go to
// standard error, so that the hash alone can be caught.
// Limits: 4096 bytes a line. Errors: nothing, and the text: two that differ, an empty one, the end of input.
// Source: util/mkpasswd 2.0.0-RC19, which reads from a terminal only and takes an empty password.
std::optional<std::string> ask_password(std::string* error);

}  // namespace nuring::tools

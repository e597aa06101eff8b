// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace nuring::monitor {

// The head of a request in words that cpp-httplib knows. It takes a dozen methods, targets that are paths
// and lines that end in CR LF; Go's net/http takes any method (all but HEAD are served as GET), the whole
// URL that a proxy's client writes, and bare line feeds, as `printf 'GET /varz HTTP/1.0\n\n' | nc` sends
// them. What is no HTTP is left as it is.
// Threads: any. Limits: that of the head (HttpServer). Errors: none.
std::string plain_head(std::string_view head);

}  // namespace nuring::monitor

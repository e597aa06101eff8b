// SPDX-License-Identifier: Apache-2.0
// The headers by which tracing systems (Zipkin's B3, Jaeger, W3C trace context) mark a request to be
// measured.
// Threads: any. Errors: what is malformed asks for nothing.
// Source: shouldSample in server/accounts.go 2.9.10. Names are compared without case, like there.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace nuring::delivery {

// Names as Go's textproto writes them ("X-B3-Traceid"); all values of one name.
using TraceHeaders = std::map<std::string, std::vector<std::string>>;

// Does the header block ask to be measured? Then `found` has the headers that say so and what
// belongs to them.
bool is_traced(std::string_view headers, TraceHeaders* found);

}  // namespace nuring::delivery

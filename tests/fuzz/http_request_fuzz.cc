// SPDX-License-Identifier: Apache-2.0
// The head of a request to the monitoring port, of anybody: it is refused in one way, or asks for one thing.
#include "proto/http_request.h"

#include "tests/fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    using nuring::test::require;
    const auto request = nuring::proto::read_http_request(nuring::test::view_of(bytes, size));
    const int outcomes = (request.refusal.empty() ? 0 : 1) + (request.empty_status == 0 ? 0 : 1) +
                         (request.target.empty() ? 0 : 1);
    require(outcomes == 1, "a request has one outcome");
    require(request.refusal.empty() || request.refusal.starts_with("HTTP/1.1 4") ||
                request.refusal.starts_with("HTTP/1.1 5"),
            "a refusal is an answer");
    require(request.refusal.empty() || request.refusal.size() < 256, "a refusal repeats nothing");
    require(request.refusal.empty() || !request.goes_on, "a refusal is the end");
    require(!(request.has_body && request.goes_on), "nobody reads past a body");
    require(request.target.empty() || request.target.starts_with('/'), "a target is a path");
    return 0;
}

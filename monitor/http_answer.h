// SPDX-License-Identifier: Apache-2.0
// An answer of the monitoring port, and the text of its head.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nuring::monitor {

struct HttpAnswer {
    int status = 200;
    std::string content_type;
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;  // further ones
    bool empty = false;  // it lists nothing: a request in $SYS stays unanswered, as with the reference
};

using HttpAnswerPtr = std::shared_ptr<const HttpAnswer>;

// How the request wants its answer.
struct HttpForm {
    bool without_body = false;  // HEAD
    bool old = false;           // HTTP/1.0
    bool goes_on = true;        // the connection, after the answer
};

// The begin of every answer, for all status codes.
std::string_view http_version(const HttpForm& form);

// All up to the body, with the empty line. date: as RFC 9110 has it.
std::string http_head(const HttpForm& form, const HttpAnswer& answer, std::string_view date);

// "Sun, 06 Nov 1994 08:49:37 GMT"
std::string http_date(uint64_t wall_ns);

}  // namespace nuring::monitor

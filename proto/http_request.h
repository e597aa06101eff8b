// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "proto/http_head.h"

namespace nuring::proto {

// The contents of the head of a request, or why it is refused. Its views are into the text that was read.
struct HttpRequest {
    std::string refusal;   // a whole answer, after which the connection ends; empty: none
    int empty_status = 0;  // an answer without a body that needs no page; 0: none
    std::string target;    // path and query
    std::string_view method;
    HttpFields fields;
    bool head = false;    // asks for no body
    bool old = false;     // HTTP/1.0
    bool goes_on = true;  // the connection, after the answer
    bool has_body = false;
};

// Reads the head of a request, up to and with its empty line, by the rules of Go's net/http, which are
// strict about Host, field names and lengths, and take any method, any HTTP/1.x and lines of any
// length.
// Errors:  `refusal` has the words of net/http.
// Source:  net/http/request.go, server.go, transfer.go; net/textproto/reader.go (Go 1.19).
HttpRequest read_http_request(std::string_view head);

}  // namespace nuring::proto

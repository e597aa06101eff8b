// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "monitor/http_connection.h"
#include "monitor/http_request.h"

namespace nuring::monitor {

// HttpWriter writes the head of an answer with cpp-httplib. That library is lenient where net/http is
// strict, and strict where it is lenient, so requests are judged before (http_request.h); and it would
// copy a page twice, so the body stays where it is.
// Threads: one. Errors: throws std::bad_alloc. Source: cpp-httplib 0.11 to 0.20.
class HttpWriter {
  public:
    HttpWriter();
    ~HttpWriter();
    HttpWriter(const HttpWriter&) = delete;
    HttpWriter& operator=(const HttpWriter&) = delete;

    // All up to the body.
    std::string head(const HttpRequest& request, const HttpAnswer& answer);

  private:
    class Framer;
    const std::unique_ptr<Framer> framer_;
};

}  // namespace nuring::monitor

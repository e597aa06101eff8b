// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace nuring::monitor {

// "//a/./b/../varz" -> "/a/varz", as Go's path.Clean; a slash at the end stays.
std::string clean_path(std::string_view path);

// Query is what stands behind the question mark of a request. Of parameters with the same name the first
// counts; pairs with a bad escape or a semicolon are left out; unknown ones do no harm.
// Requests under $SYS are asked the same way, of a query that says so.
// Errors: decode functions return the reference's text, which is the body of the answer (status 400).
// Source: Go net/url ParseQuery; server/monitor.go, decodeBool and its like, 2.10.
class Query {
  public:
    explicit Query(std::string_view text);
    // Of a request over NATS, where a few things differ.
    static Query of_request() {
        Query query("");
        query.is_request_ = true;
        return query;
    }
    bool is_request() const { return is_request_; }

    // As if it stood at the end.
    void add(std::string_view name, std::string_view value) { pairs_.emplace_back(name, value); }
    // Empty if it is missing.
    std::string_view text(std::string_view name) const;
    // All of them.
    std::vector<std::string_view> texts(std::string_view name) const;
    absl::StatusOr<bool> boolean(std::string_view name) const;
    absl::StatusOr<int64_t> integer(std::string_view name) const;
    absl::StatusOr<uint64_t> number(std::string_view name) const;

  private:
    std::vector<std::pair<std::string, std::string>> pairs_;
    bool is_request_ = false;
};

}  // namespace nuring::monitor

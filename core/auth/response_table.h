// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/base/expiring_names.h"
#include "core/config/options.h"
#include "proto/subject.h"

namespace nuring::auth {

// ResponseTable is allow_responses of one connection: it got requests, and may answer each up to a number of
// times and for a limited time.
// Threads: one. Limits: those of base::ExpiringNames. Errors: none.
// Source:  server/client.go, deliverMsg and responseAllowed.
class ResponseTable {
  public:
    explicit ResponseTable(const config::ResponsePermissions& allowed) : allowed_(allowed) {}

    const config::ResponsePermissions& allowed() const { return allowed_; }

    // A request with that reply subject has come. It allows no request to JetStream: that would be made on
    // behalf of the one that asked.
    void note(std::string_view reply, uint64_t now_ns) {
        if (proto::is_jetstream_request(reply)) return;
        const int64_t lifetime_ns = allowed_.expires.count();
        left_.note(reply, allowed_.max_messages < 0 ? INT64_MAX : allowed_.max_messages, now_ns,
                   lifetime_ns < 0 ? UINT64_MAX : static_cast<uint64_t>(lifetime_ns));
    }
    // May it be answered?
    bool admits(std::string_view subject, uint64_t now_ns) {
        const int64_t* left = left_.find(subject, now_ns);
        return left != nullptr && *left > 0;
    }
    // It has been answered once more.
    void use(std::string_view subject, uint64_t now_ns) {
        int64_t* left = left_.find(subject, now_ns);
        if (left != nullptr && --*left <= 0) left_.erase(subject);
    }
    size_t bytes() const { return left_.bytes(); }

  private:
    const config::ResponsePermissions allowed_;
    base::ExpiringNames<int64_t> left_;  // how many answers
};

}  // namespace nuring::auth

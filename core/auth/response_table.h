// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "core/base/status.h"
#include "core/config/options.h"
#include "proto/subject.h"

namespace nuring::auth {

// ResponseTable is allow_responses of one connection: it got requests, and may answer each up to a number of
// times and for a limited time.
// Threads: one. Limits: kResponsesMax; when all are live, all are dropped. Errors: none.
// Source:  server/client.go, deliverMsg and responseAllowed.
class ResponseTable {
  public:
    static constexpr size_t kResponsesMax = 65536;

    explicit ResponseTable(const config::ResponsePermissions& allowed) : allowed_(allowed) {}

    const config::ResponsePermissions& allowed() const { return allowed_; }

    // A request with that reply subject has come. It allows no request to JetStream: that would be made on
    // behalf of the one that asked.
    void note(std::string_view reply, uint64_t now_ns) {
        if (proto::is_jetstream_request(reply)) return;
        if (entries_.size() >= kResponsesMax) {
            absl::erase_if(entries_, [now_ns](const auto& each) { return each.second.expires_ns <= now_ns; });
            if (entries_.size() >= kResponsesMax) entries_.clear();
        }
        const uint64_t expires_ns = allowed_.expires.count() < 0
                                        ? UINT64_MAX
                                        : now_ns + static_cast<uint64_t>(allowed_.expires.count());
        entries_[std::string(reply)] = {
            .left = allowed_.max_messages < 0 ? INT64_MAX : allowed_.max_messages, .expires_ns = expires_ns};
    }
    // May it be answered?
    bool admits(std::string_view subject, uint64_t now_ns) {
        const auto found = entries_.find(base::absl_view(subject));
        if (found == entries_.end()) return false;
        const bool valid = now_ns < found->second.expires_ns && found->second.left > 0;
        if (!valid) entries_.erase(found);
        return valid;
    }
    // It has been answered once more.
    void use(std::string_view subject) {
        const auto found = entries_.find(base::absl_view(subject));
        if (found != entries_.end() && --found->second.left <= 0) entries_.erase(found);
    }

  private:
    struct Entry {
        int64_t left;
        uint64_t expires_ns;
    };

    const config::ResponsePermissions allowed_;
    absl::flat_hash_map<std::string, Entry> entries_;
};

}  // namespace nuring::auth

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
// Threads: one. Limits: kResponsesMax, kBytesMax of their subjects; when all are live, all are dropped.
// Errors:  none.
// Source:  server/client.go, deliverMsg and responseAllowed.
class ResponseTable {
  public:
    static constexpr size_t kResponsesMax = 65536;
    static constexpr size_t kBytesMax = 4 * 1024 * 1024;

    explicit ResponseTable(const config::ResponsePermissions& allowed) : allowed_(allowed) {}

    const config::ResponsePermissions& allowed() const { return allowed_; }

    // A request with that reply subject has come. It allows no request to JetStream: that would be made on
    // behalf of the one that asked.
    void note(std::string_view reply, uint64_t now_ns) {
        if (proto::is_jetstream_request(reply)) return;
        if (is_full(reply)) drop_expired(now_ns);
        if (is_full(reply)) {
            entries_.clear();
            bytes_ = 0;
        }
        const uint64_t expires_ns = allowed_.expires.count() < 0
                                        ? UINT64_MAX
                                        : now_ns + static_cast<uint64_t>(allowed_.expires.count());
        const auto [entry, is_new] = entries_.try_emplace(std::string(reply));
        if (is_new) bytes_ += reply.size();
        entry->second = {.left = allowed_.max_messages < 0 ? INT64_MAX : allowed_.max_messages,
                         .expires_ns = expires_ns};
    }
    // May it be answered?
    bool admits(std::string_view subject, uint64_t now_ns) {
        const auto found = entries_.find(base::absl_view(subject));
        if (found == entries_.end()) return false;
        const bool valid = now_ns < found->second.expires_ns && found->second.left > 0;
        if (!valid) drop(found);
        return valid;
    }
    // It has been answered once more.
    void use(std::string_view subject) {
        const auto found = entries_.find(base::absl_view(subject));
        if (found != entries_.end() && --found->second.left <= 0) drop(found);
    }
    size_t bytes() const { return bytes_; }

  private:
    struct Entry {
        int64_t left;
        uint64_t expires_ns;
    };
    using Entries = absl::flat_hash_map<std::string, Entry>;

    bool is_full(std::string_view reply) const {
        return entries_.size() >= kResponsesMax || bytes_ + reply.size() > kBytesMax;
    }
    void drop(Entries::iterator entry) {
        bytes_ -= entry->first.size();
        entries_.erase(entry);
    }
    void drop_expired(uint64_t now_ns) {
        absl::erase_if(entries_, [this, now_ns](const auto& each) {
            const bool is_over = each.second.expires_ns <= now_ns;
            if (is_over) bytes_ -= each.first.size();
            return is_over;
        });
    }

    const config::ResponsePermissions allowed_;
    Entries entries_;
    size_t bytes_ = 0;
};

}  // namespace nuring::auth

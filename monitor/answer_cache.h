// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "monitor/http_answer.h"

namespace nuring::monitor {

// AnswerCache keeps expensive answers: one that cost `c` of processor time is served again for kShare times
// as long, kAgeMax_ns at most. So a flood of requests for one page of ten thousand connections costs the
// workers a hundredth of one processor (more only if the page takes over 20 ms), while cheap pages, which are
// most, are always fresh.
// Threads: one. Limits: kEntriesMax answers; kBytesMax, beside the last one; kAgeMax_ns. Errors: none.
// Source:  ours.
class AnswerCache {
  public:
    static constexpr uint64_t kCheap_ns = 1'000'000;  // cheaper ones are not kept
    static constexpr uint64_t kShare = 100;
    static constexpr uint64_t kAgeMax_ns = 2'000'000'000;
    static constexpr size_t kEntriesMax = 8;
    static constexpr size_t kBytesMax = size_t{64} << 20;

    void clear() { entries_.clear(); }
    // Drops what is too old; returns when the next one will be, UINT64_MAX: none is left.
    uint64_t expire(uint64_t now_ns) {
        std::erase_if(entries_, [now_ns](const Entry& entry) { return entry.until_ns <= now_ns; });
        uint64_t next_ns = UINT64_MAX;
        for (const Entry& entry : entries_) next_ns = std::min(next_ns, entry.until_ns);
        return next_ns;
    }
    std::shared_ptr<const HttpAnswer> find(std::string_view target, uint64_t now_ns) {
        expire(now_ns);
        for (const Entry& entry : entries_) {
            if (entry.target == target) return entry.answer;
        }
        return nullptr;
    }
    void add(std::string_view target, std::shared_ptr<const HttpAnswer> answer, uint64_t cost_ns,
             uint64_t now_ns) {
        if (cost_ns < kCheap_ns) return;
        size_t bytes = 0;
        for (const Entry& entry : entries_) bytes += entry.answer->body.size();
        while (!entries_.empty() && (entries_.size() >= kEntriesMax || bytes > kBytesMax)) {
            bytes -= entries_.front().answer->body.size();
            entries_.erase(entries_.begin());
        }
        entries_.push_back({.target = std::string(target),
                            .answer = std::move(answer),
                            .until_ns = now_ns + std::min(cost_ns * kShare, kAgeMax_ns)});
    }

  private:
    struct Entry {
        std::string target;
        std::shared_ptr<const HttpAnswer> answer;
        uint64_t until_ns;
    };
    std::vector<Entry> entries_;  // the oldest first
};

}  // namespace nuring::monitor

// SPDX-License-Identifier: Apache-2.0
#include "gateway/gateway_recent.h"

#include <algorithm>
#include <cassert>
#include <cstdint>

#include "core/base/status.h"
#include "proto/subject.h"

namespace nuring::gateway {
namespace {

void write_key(const account::Account& account, std::string_view tokens, std::string* key) {
    const auto id = reinterpret_cast<uintptr_t>(&account);
    key->assign(reinterpret_cast<const char*>(&id), sizeof id);
    key->append(tokens);
}

// The whole tokens before the first wildcard, without the dot behind them.
std::string_view literal_part(std::string_view pattern) {
    size_t end = 0;
    for (const std::string_view token : proto::SubjectTokens(pattern)) {
        if (token == proto::kAnyToken || token == proto::kAnyTail) {
            return pattern.substr(0, end == 0 ? 0 : end - 1);
        }
        end += token.size() + 1;
    }
    return pattern;
}

}  // namespace

void RecentInterest::note(const account::Account& account, std::string_view pattern, uint64_t now_ns) {
    expire(now_ns);
    const uint64_t expires_ns = now_ns + kRecent_ns;
    if (expiry_.size() >= kPatternsMax || bytes_ + pattern.size() > kBytesMax) {
        overflow_until_ns_ = expires_ns;
        return;
    }
    std::string key;
    write_key(account, literal_part(pattern), &key);
    Patterns& patterns = patterns_[key];
    ++patterns.count;
    if (patterns.kept.size() < kPatternsPerKeyMax)
        patterns.kept.push_back({std::string(pattern), expires_ns});
    bytes_ += pattern.size();
    expiry_.push_back({std::move(key), expires_ns, pattern.size()});
}

void RecentInterest::expire(uint64_t now_ns) {
    while (!expiry_.empty() && expiry_.front().expires_ns <= now_ns) {
        const auto found = patterns_.find(expiry_.front().key);
        assert(found != patterns_.end());
        Patterns& patterns = found->second;
        assert(patterns.count > 0);
        if (!patterns.kept.empty() && patterns.kept.front().expires_ns <= now_ns)
            patterns.kept.erase(patterns.kept.begin());
        if (--patterns.count == 0) patterns_.erase(found);
        assert(bytes_ >= expiry_.front().bytes);
        bytes_ -= expiry_.front().bytes;
        expiry_.pop_front();
    }
}

bool RecentInterest::covers(const account::Account& account, std::string_view subject, uint64_t now_ns) {
    expire(now_ns);
    if (now_ns < overflow_until_ns_) return true;
    assert(patterns_.size() <= expiry_.size());
    if (patterns_.empty()) return false;
    std::string key;
    for (size_t end = subject.size();;) {
        write_key(account, subject.substr(0, end), &key);
        const auto found = patterns_.find(key);
        if (found != patterns_.end()) {
            const Patterns& patterns = found->second;
            if (patterns.count > patterns.kept.size()) return true;
            const bool matches = std::any_of(
                patterns.kept.begin(), patterns.kept.end(),
                [subject](const Pattern& each) { return proto::matches_literal(subject, each.text); });
            if (matches) return true;
        }
        if (end == 0) return false;
        const size_t dot = subject.rfind('.', end - 1);
        end = dot == std::string_view::npos ? 0 : dot;
    }
}

}  // namespace nuring::gateway

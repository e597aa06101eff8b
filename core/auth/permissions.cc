// SPDX-License-Identifier: Apache-2.0
#include "core/auth/permissions.h"

#include <algorithm>
#include <utility>

#include "proto/subject.h"

namespace nuring::auth {
namespace {

bool matched_by_any(const std::vector<std::string>& patterns, std::string_view subject) {
    return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
        return proto::matches_literal(subject, pattern);
    });
}

bool has_empty_token(std::string_view subject) {
    return subject.empty() || subject.front() == proto::kTokenSeparator ||
           subject.back() == proto::kTokenSeparator || subject.find("..") != std::string_view::npos;
}

}  // namespace

// Source: splitSubjectQueue in server/client.go 2.9.10.
std::pair<std::string_view, std::string_view> take_word(std::string_view text) {
    constexpr std::string_view kBlanks = " \t\r\n\f\v";
    text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
    const size_t end = std::min(text.find_first_of(kBlanks), text.size());
    return {text.substr(0, end), text.substr(end)};
}

Permissions::Permissions(const config::Permissions& permissions)
    : configured_(permissions),
      subscribe_allow_(entries(permissions.subscribe.allow)),
      subscribe_deny_(entries(permissions.subscribe.deny)) {
    denies_queues_ = std::any_of(subscribe_deny_.begin(), subscribe_deny_.end(),
                                 [](const Entry& entry) { return !entry.queue.empty(); });
}

std::vector<Permissions::Entry> Permissions::entries(const std::vector<std::string>& texts) {
    std::vector<Entry> result;
    for (const std::string_view text : texts) {
        const auto [pattern, behind] = take_word(text);
        result.push_back({.pattern = std::string(pattern), .queue = std::string(take_word(behind).first)});
    }
    return result;
}

bool Permissions::concerns(const Entry& entry, std::string_view queue) {
    if (entry.queue.empty()) return true;
    // The text of a queue may itself look like a pattern: "v1.*" is the queue "v1.*".
    return !queue.empty() && (queue == entry.queue || proto::matches_literal(queue, entry.queue));
}

bool Permissions::may_publish(std::string_view subject) const {
    const auto& [allow, deny] = configured_.publish;
    // With allow_responses and no list of its own, only responses are allowed.
    if (allow.empty() && configured_.responses.has_value()) return false;
    // No wildcard stands for an empty token, as in a lookup; what is denied stays denied.
    if (!allow.empty() && (has_empty_token(subject) || !matched_by_any(allow, subject))) return false;
    return !matched_by_any(deny, subject);
}

bool Permissions::may_subscribe(std::string_view pattern, std::string_view queue) const {
    const auto covers = [&](const Entry& entry) {
        return concerns(entry, queue) && proto::is_subset(pattern, entry.pattern);
    };
    if (!subscribe_allow_.empty() &&
        std::none_of(subscribe_allow_.begin(), subscribe_allow_.end(), covers)) {
        return false;
    }
    if (!may_join(pattern, queue)) return false;
    // As in the reference: the pattern is looked up like a subject, so that `*` denies `>`, too, although
    // it only overlaps with it. A pattern that a deny entry covers is always denied: the entry also matches
    // it.
    return std::none_of(subscribe_deny_.begin(), subscribe_deny_.end(), [&](const Entry& entry) {
        return concerns(entry, queue) && proto::matches_literal(pattern, entry.pattern);
    });
}

// Entries with a queue say which groups may be joined on the subjects that they match; if none matches, any
// group may. Patterns are looked up like subjects here, too: `* workers` also limits the groups on `>`.
bool Permissions::may_join(std::string_view pattern, std::string_view queue) const {
    if (queue.empty()) return true;
    bool limited = false;
    for (const Entry& entry : subscribe_allow_) {
        if (entry.queue.empty() || !proto::matches_literal(pattern, entry.pattern)) continue;
        if (concerns(entry, queue)) return true;
        limited = true;
    }
    return !limited;
}

bool Permissions::must_filter(std::string_view pattern, std::string_view queue) const {
    return std::any_of(subscribe_deny_.begin(), subscribe_deny_.end(), [&](const Entry& entry) {
        return concerns(entry, queue) && proto::subjects_collide(pattern, entry.pattern);
    });
}

bool Permissions::may_receive(std::string_view subject, std::string_view queue) const {
    return std::none_of(subscribe_deny_.begin(), subscribe_deny_.end(), [&](const Entry& entry) {
        return concerns(entry, queue) && proto::matches_literal(subject, entry.pattern);
    });
}

}  // namespace nuring::auth

// SPDX-License-Identifier: Apache-2.0
#include "gateway/leaf_permissions.h"

#include <algorithm>
#include <string_view>

#include "core/auth/permissions.h"
#include "proto/subject.h"

namespace nuring::gateway {
namespace {

// Entries of a user may name a queue behind the pattern.
std::vector<std::string> without_queues(const std::vector<std::string>& entries) {
    std::vector<std::string> patterns;
    for (const std::string_view entry : entries) {
        const auto [pattern, behind] = auth::take_word(entry);
        if (auth::take_word(behind).first.empty()) patterns.emplace_back(pattern);
    }
    return patterns;
}

// An entry with a queue allows a leafnode nothing; a denied queue is looked at for each group alone.
config::SubjectPermissions lists_of(const config::SubjectPermissions& permissions) {
    config::SubjectPermissions lists = {.allow = without_queues(permissions.allow),
                                        .deny = without_queues(permissions.deny)};
    if (lists.allow.empty() && !permissions.allow.empty()) lists.deny.emplace_back(">");
    return lists;
}

config::SubjectPermissions lists_of(const std::optional<proto::SubjectPermission>& permission) {
    if (!permission.has_value()) return {};
    return lists_of(
        config::SubjectPermissions{.allow = permission->allow, .deny = permission->deny});
}

}  // namespace

LeafPermissions LeafPermissions::of_user(const config::Permissions& permissions) {
    LeafPermissions result;
    result.outbound_ = lists_of(permissions.subscribe);
    result.inbound_ = lists_of(permissions.publish);
    result.responses_ = permissions.responses;
    for (const std::string_view entry : permissions.subscribe.deny) {
        const auto [pattern, behind] = auth::take_word(entry);
        const std::string_view group = auth::take_word(behind).first;
        if (group.empty()) continue;
        result.group_denies_.push_back({.pattern = std::string(pattern), .group = std::string(group)});
    }
    return result;
}

LeafPermissions LeafPermissions::of_hub(
    const std::optional<proto::SubjectPermission>& import_subjects,
    const std::optional<proto::SubjectPermission>& export_subjects) {
    LeafPermissions result;
    result.outbound_ = lists_of(export_subjects);
    result.inbound_ = lists_of(import_subjects);
    return result;
}

void LeafPermissions::deny_outbound(const std::vector<std::string>& patterns) {
    outbound_.deny.insert(outbound_.deny.end(), patterns.begin(), patterns.end());
}

void LeafPermissions::deny_inbound(const std::vector<std::string>& patterns) {
    inbound_.deny.insert(inbound_.deny.end(), patterns.begin(), patterns.end());
}

void LeafPermissions::deny_announcing(const std::vector<std::string>& patterns) {
    unannounced_.insert(unannounced_.end(), patterns.begin(), patterns.end());
}

bool LeafPermissions::may_take(std::string_view subject) const {
    const bool is_listed = !responses_.has_value() || !inbound_.allow.empty();
    return (is_listed && passes(inbound_, subject)) ||
           subject.starts_with(proto::kServiceReplyPrefix) ||
           subject.starts_with(proto::kJetStreamAckPrefix);
}

bool LeafPermissions::passes(const config::SubjectPermissions& lists, std::string_view subject) {
    const auto matches = [subject](const std::string& pattern) {
        return proto::matches_literal(subject, pattern);
    };
    if (std::any_of(lists.deny.begin(), lists.deny.end(), matches)) return false;
    return lists.allow.empty() || std::any_of(lists.allow.begin(), lists.allow.end(), matches);
}

bool LeafPermissions::may_serve(std::string_view subject, std::string_view group) const {
    return std::none_of(group_denies_.begin(), group_denies_.end(), [&](const GroupDeny& deny) {
        return (group == deny.group || proto::matches_literal(group, deny.group)) &&
               proto::matches_literal(subject, deny.pattern);
    });
}

bool LeafPermissions::announces(std::string_view pattern) const {
    for (const std::string& denied : unannounced_) {
        if (proto::is_subset(pattern, denied)) return false;
    }
    if (responses_.has_value()) return true;  // any subject may be one that is to be answered to
    if (proto::is_literal(pattern)) return passes(inbound_, pattern);
    for (const std::string& denied : inbound_.deny) {
        if (proto::is_subset(pattern, denied)) return false;
    }
    return inbound_.allow.empty() ||
           std::any_of(inbound_.allow.begin(), inbound_.allow.end(),
                       [pattern](const std::string& allowed) {
                           return proto::subjects_collide(pattern, allowed);
                       });
}

bool LeafPermissions::admits(std::string_view pattern) const {
    return !proto::is_literal(pattern) || passes(outbound_, pattern);
}

}  // namespace nuring::gateway

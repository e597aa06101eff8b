// SPDX-License-Identifier: Apache-2.0
#include "core/auth/permission_template.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "core/base/status.h"
#include "proto/limits.h"
#include "proto/subject.h"

namespace nuring::auth {
namespace {

bool is_place(std::string_view token) {
    return token.size() >= 4 && token.starts_with("{{") && token.ends_with("}}");
}

// The values that one token may have; only tags have several.
using Values = std::vector<std::string>;

Values tag_values(const std::vector<std::string>& tags, std::string_view name) {
    const std::string prefix = std::string(name) + ":";
    Values values;
    for (const std::string& tag : tags) {
        if (tag.starts_with(prefix)) values.push_back(tag.substr(prefix.size()));
    }
    return values;
}

Values values_of(std::string_view token, const UserClaims& user, const AccountClaims& account) {
    if (!is_place(token)) return {std::string(token)};
    const std::string call =
        absl::AsciiStrToLower(base::absl_view(token.substr(2, token.size() - 4)));
    if (call == "name()") return {user.head.name};
    if (call == "subject()") return {user.head.subject};
    if (call == "account-name()") return {account.head.name};
    if (call == "account-subject()") return {account.head.subject};
    if (!call.ends_with(')')) return {};
    const auto argument = [&call](size_t begin) {
        return std::string_view(call).substr(begin, call.size() - begin - 1);
    };
    if (call.starts_with("tag(")) return tag_values(user.head.tags, argument(4));
    if (call.starts_with("account-tag(")) return tag_values(account.head.tags, argument(12));
    return {};
}

class Filler {
  public:
    Filler(const UserClaims& user, const AccountClaims& account) : user_(user), account_(account) {}

    // False: must be refused as a whole.
    bool fill(bool must_be_valid, std::vector<std::string>* entries) const {
        std::vector<std::string> filled;
        for (const std::string& entry : *entries) {
            const proto::SubjectTokens tokens(entry);
            if (std::none_of(tokens.begin(), tokens.end(), is_place)) {
                filled.push_back(entry);
            } else if (!expand(entry, must_be_valid, &filled)) {
                return false;
            }
        }
        *entries = std::move(filled);
        return true;
    }

  private:
    bool expand(const std::string& entry, bool must_be_valid,
                std::vector<std::string>* filled) const {
        std::vector<std::string> subjects = {""};
        bool first = true;
        for (const std::string_view token : proto::SubjectTokens(entry)) {
            const Values values = values_of(token, user_, account_);
            std::vector<std::string> longer;
            for (const std::string& subject : subjects) {
                for (const std::string& value : values) {
                    longer.push_back(first ? value : subject + '.' + value);
                }
            }
            if (longer.size() > kTemplateSubjectsMax) return false;
            const bool fit = std::all_of(longer.begin(), longer.end(), [](const std::string& each) {
                return each.size() <= proto::kSubjectSizeMax;
            });
            if (!fit) return false;
            subjects = std::move(longer);
            first = false;
        }
        if (subjects.empty() && must_be_valid) return false;
        for (std::string& subject : subjects) {
            if (proto::is_valid_subject(subject)) {
                filled->push_back(std::move(subject));
            } else if (must_be_valid) {
                return false;
            }
        }
        return true;
    }

    const UserClaims& user_;
    const AccountClaims& account_;
};

}  // namespace

std::optional<config::Permissions> fill_template(const config::Permissions& permissions,
                                                 const UserClaims& user,
                                                 const AccountClaims& account) {
    const Filler filler(user, account);
    config::Permissions filled = permissions;
    for (config::SubjectPermissions* each : {&filled.publish, &filled.subscribe}) {
        const bool restricts = !each->allow.empty();
        if (!filler.fill(false, &each->allow) || !filler.fill(true, &each->deny)) {
            return std::nullopt;
        }
        if (restricts && each->allow.empty()) each->deny.push_back(">");
    }
    return filled;
}

}  // namespace nuring::auth

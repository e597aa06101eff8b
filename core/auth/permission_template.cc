// SPDX-License-Identifier: Apache-2.0
#include "core/auth/permission_template.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/strings/ascii.h"
#include "core/base/status.h"
#include "proto/limits.h"
#include "proto/subject.h"

namespace nuring::auth {
namespace {

constexpr std::string_view kOpen = "{{";
constexpr std::string_view kClose = "}}";

// The first place of `text`, with its braces; empty: there is none.
std::string_view find_place(std::string_view text) {
    for (size_t begin = text.find(kOpen); begin != text.npos; begin = text.find(kOpen, begin + 1)) {
        const size_t end = text.find('}', begin);
        if (end == text.npos) break;
        const bool is_place = end > begin + kOpen.size() && text.substr(end).starts_with(kClose);
        if (is_place) return text.substr(begin, end + kClose.size() - begin);
    }
    return {};
}

// The values that one place may have; only tags have several.
using Values = std::vector<std::string>;

Values tag_values(const std::vector<std::string>& tags, std::string_view name) {
    const std::string prefix = std::string(name) + ":";
    Values values;
    for (const std::string& tag : tags) {
        if (tag.starts_with(prefix)) values.push_back(tag.substr(prefix.size()));
    }
    return values;
}

// Nothing: no such function.
std::optional<Values> values_of(std::string_view place, const UserClaims& user,
                                const AccountClaims& account) {
    place.remove_prefix(kOpen.size());
    place.remove_suffix(kClose.size());
    const std::string call =
        absl::AsciiStrToLower(absl::StripAsciiWhitespace(base::absl_view(place)));
    if (call == "name()") return Values{user.head.name};
    if (call == "subject()") return Values{user.head.subject};
    if (call == "account-name()") return Values{account.head.name};
    if (call == "account-subject()") return Values{account.head.subject};
    if (!call.ends_with(')')) return std::nullopt;
    const auto argument = [&call](size_t begin) {
        return std::string_view(call).substr(begin, call.size() - begin - 1);
    };
    if (call.starts_with("tag(")) return tag_values(user.head.tags, argument(4));
    if (call.starts_with("account-tag(")) return tag_values(account.head.tags, argument(12));
    return std::nullopt;
}

// A place of one entry and its values. Where the same place stands twice, both have the same value.
struct Choice {
    std::string_view place;
    Values values;
    size_t chosen = 0;
};

std::string fill_in(std::string_view entry, const std::vector<Choice>& choices) {
    std::string subject;
    for (std::string_view place = find_place(entry); !place.empty(); place = find_place(entry)) {
        const auto choice = std::find_if(choices.begin(), choices.end(),
                                         [place](const Choice& each) { return each.place == place; });
        assert(choice != choices.end());
        subject.append(entry.begin(), place.begin());
        subject += choice->values[choice->chosen];
        entry.remove_prefix(static_cast<size_t>(place.end() - entry.begin()));
    }
    return subject.append(entry);
}

class Filler {
  public:
    Filler(const UserClaims& user, const AccountClaims& account) : user_(user), account_(account) {}

    // False: must be refused as a whole.
    bool fill(bool must_be_valid, std::vector<std::string>* entries) const {
        std::vector<std::string> filled;
        for (const std::string& entry : *entries) {
            if (find_place(entry).empty()) {
                filled.push_back(entry);
            } else if (!expand(entry, must_be_valid, &filled)) {
                return false;
            }
        }
        *entries = std::move(filled);
        return true;
    }

  private:
    bool expand(std::string_view entry, bool must_be_valid, std::vector<std::string>* filled) const {
        std::vector<Choice> choices;
        if (!find_choices(entry, &choices)) return false;
        size_t count = 1;
        for (const Choice& choice : choices) {
            count *= choice.values.size();
            if (count > kTemplateSubjectsMax) return false;
        }
        if (count == 0) return !must_be_valid;
        if (filled->size() + count > kTemplateSubjectsMax) return false;
        for (size_t i = 0; i < count; ++i) {
            size_t rest = i;
            for (Choice& choice : choices) {
                choice.chosen = rest % choice.values.size();
                rest /= choice.values.size();
            }
            std::string subject = fill_in(entry, choices);
            if (subject.size() > proto::kSubjectSizeMax) return false;
            if (proto::is_valid_subject(subject)) {
                filled->push_back(std::move(subject));
            } else if (must_be_valid) {
                return false;
            }
        }
        return true;
    }

    // False: a place names no function.
    bool find_choices(std::string_view entry, std::vector<Choice>* choices) const {
        for (std::string_view place = find_place(entry); !place.empty(); place = find_place(entry)) {
            entry.remove_prefix(static_cast<size_t>(place.end() - entry.begin()));
            const bool is_known = std::any_of(choices->begin(), choices->end(),
                                              [place](const Choice& each) { return each.place == place; });
            if (is_known) continue;
            std::optional<Values> values = values_of(place, user_, account_);
            if (!values.has_value()) return false;
            choices->push_back({.place = place, .values = *std::move(values)});
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

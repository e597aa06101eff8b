// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/tenants.h"

#include <algorithm>

namespace nuring::sim {
namespace {

constexpr std::string_view kStream = "a.>";
constexpr std::string_view kService = "s.>";
constexpr std::array<const char*, 3> kPublishDeny = {"b.b.>", "a.a", "c"};
constexpr std::array<const char*, 3> kSubscribeDeny = {"a.b", "b", "a.a.a"};

std::string_view next_token(std::string_view& text) {
    const size_t dot = text.find('.');
    const std::string_view token = text.substr(0, dot);
    text = dot == std::string_view::npos ? std::string_view() : text.substr(dot + 1);
    return token;
}

}  // namespace

bool subject_matches(std::string_view pattern, std::string_view subject) {
    while (!pattern.empty() && !subject.empty()) {
        const std::string_view wanted = next_token(pattern);
        if (wanted == ">") return true;
        const std::string_view token = next_token(subject);
        if (wanted != "*" && wanted != token) return false;
    }
    return pattern.empty() && subject.empty();
}

void add_tenants(config::Options* options) {
    config::AccountOptions home{.name = std::string(kHome)};
    home.exports.push_back(
        {.kind = config::ExchangeKind::kStream, .subject = std::string(kStream)});
    home.imports.push_back({.kind = config::ExchangeKind::kService,
                            .account = std::string(kAway),
                            .subject = std::string(kService)});
    config::AccountOptions away{.name = std::string(kAway)};
    away.exports.push_back(
        {.kind = config::ExchangeKind::kService, .subject = std::string(kService)});
    away.imports.push_back({.kind = config::ExchangeKind::kStream,
                            .account = std::string(kHome),
                            .subject = std::string(kStream),
                            .prefix = std::string(kFarPrefix.substr(0, kFarPrefix.size() - 1))});
    options->accounts = {std::move(home), std::move(away)};
    for (const SimUser& user : kSimUsers) {
        config::User login{
            .name = user.name, .password = kSimPassword, .account = std::string(user.account)};
        if (user.limited) {
            login.permissions.emplace();
            login.permissions->publish.deny.assign(kPublishDeny.begin(), kPublishDeny.end());
            login.permissions->subscribe.deny.assign(kSubscribeDeny.begin(), kSubscribeDeny.end());
        }
        options->authorization.users.push_back(std::move(login));
    }
}

bool may_publish(const SimUser& user, std::string_view subject) {
    return !user.limited ||
           std::none_of(kPublishDeny.begin(), kPublishDeny.end(),
                        [&](const char* pattern) { return subject_matches(pattern, subject); });
}

bool may_subscribe(const SimUser& user, std::string_view pattern) {
    return !user.limited ||
           std::find(kSubscribeDeny.begin(), kSubscribeDeny.end(), pattern) == kSubscribeDeny.end();
}

std::string subject_between(const SimUser& from, const SimUser& to, std::string_view subject) {
    if (from.account == to.account) return std::string(subject);
    if (from.account == kHome && subject_matches(kStream, subject)) {
        return std::string(kFarPrefix) + std::string(subject);
    }
    return is_service_request(from, subject) ? std::string(subject) : std::string();
}

bool takes_stream(const SimUser& user, std::string_view pattern) {
    if (user.account != kAway) return false;
    // It overlaps "far.a.>" if every token that both have may be the same.
    for (const std::string_view wanted : {std::string_view("far"), std::string_view("a")}) {
        if (pattern.empty()) return false;
        const std::string_view token = next_token(pattern);
        if (token == ">") return true;
        if (token != "*" && token != wanted) return false;
    }
    return !pattern.empty();
}

}  // namespace nuring::sim

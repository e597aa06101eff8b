// SPDX-License-Identifier: Apache-2.0
// Who clients of a simulated world may be, and what of others reaches them.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "core/config/options.h"

namespace nuring::sim {

// SimUser is one login. Two accounts, HOME and AWAY, use the same subjects. AWAY takes the stream "a.>" of
// HOME as "far.a.>", and HOME the service "s.>" of AWAY; nothing else passes between them. One user of HOME
// may not do everything: its lists hold no wildcard that a pattern could cover in part, since versions of
// the reference differ there.
struct SimUser {
    const char* name;
    std::string_view account;
    bool limited;
};

inline constexpr const char* kSimPassword = "s3cr3t";
inline constexpr std::string_view kHome = "HOME";
inline constexpr std::string_view kAway = "AWAY";
inline constexpr std::array<SimUser, 3> kSimUsers = {{
    {"sim", kHome, false},
    {"limited", kHome, true},
    {"away", kAway, false},
}};
inline constexpr std::string_view kFarPrefix = "far.";           // of the stream, in AWAY
inline constexpr std::string_view kServicePrefix = "s.";         // of the service, in both
inline constexpr std::string_view kServiceReplyPrefix = "_R_.";  // what a responder is told

// The accounts and users, for the server.
void add_tenants(config::Options* options);

bool subject_matches(std::string_view pattern, std::string_view subject);
bool may_publish(const SimUser& user, std::string_view subject);
bool may_subscribe(const SimUser& user, std::string_view pattern);

// The subject under which what `from` publishes reaches the account of `to`; empty: not at all. (Answers to
// requests over the service are not known here, see Oracle.)
std::string subject_between(const SimUser& from, const SimUser& to, std::string_view subject);
inline bool is_service_request(const SimUser& from, std::string_view subject) {
    return from.account == kHome && subject.starts_with(kServicePrefix);
}
// A subscription of AWAY that takes from the stream, too.
bool takes_stream(const SimUser& user, std::string_view pattern);

}  // namespace nuring::sim

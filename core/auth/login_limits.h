// SPDX-License-Identifier: Apache-2.0
// From where and when a user may log in.
// Threads: any; is_time_zone() and allowed_time() may read a file of the time zone database. Errors: none.
// Source: server/jwt.go, validateSrc and validateTimes 2.9.10.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/auth/claims.h"

namespace nuring::auth {

// "192.0.2.0/24", "2001:db8::/32".
bool is_network(std::string_view text);
// Is the address inside one of the networks? An empty list is everywhere.
bool is_within(const std::string& host, const std::vector<std::string>& networks);

// "15:04:05".
bool is_time_of_day(std::string_view text);
// The name of a time zone that this machine knows. Anybody may send one: the account of a token is looked up
// after its form was checked.
bool is_time_zone(const std::string& name);

struct AllowedTime {
    bool now = false;
    int64_t until_s = 0;  // Unix seconds; 0: for ever
};
// A range whose end is before its start goes on after midnight. (The reference knows only the part
// before midnight: at 01:00 it refuses a user of 22:00 to 02:00.)
AllowedTime allowed_time(const UserRights& rights, int64_t now_s);

}  // namespace nuring::auth

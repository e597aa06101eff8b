// SPDX-License-Identifier: Apache-2.0
// Permissions of a scoped signing key: subjects with places for what is known of the user.
//
//     {{name()}} {{subject()}} {{account-name()}} {{account-subject()}} {{tag(x)}} {{account-tag(x)}}
//
// A place may stand anywhere in a subject. Tags "x:value" give a subject for each value, several places one
// for each combination; the same place has the same value everywhere in a subject.
//
// Threads: any. Limits: kTemplateSubjectsMax subjects out of one list. Errors: nothing if a place names no
// function, a deny entry makes no valid subject, or too many come out; an allow entry that makes none is left
// out, and when none is left, everything is denied.
// Source: server/auth.go, processUserPermissionsTemplate 2.15.3.
#pragma once

#include <optional>

#include "core/auth/claims.h"

namespace nuring::auth {

inline constexpr size_t kTemplateSubjectsMax = 4096;

std::optional<config::Permissions> fill_template(const config::Permissions& permissions,
                                                 const UserClaims& user,
                                                 const AccountClaims& account);

}  // namespace nuring::auth

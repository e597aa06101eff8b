// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "core/auth/jwt_login.h"
#include "core/link/close_reason.h"
#include "proto/error_text.h"

namespace nuring::client {

// How a login ends, of a client or a leafnode, that claims no longer allow.
struct ClaimsEnd {
    std::string_view text;
    link::CloseReason reason;
};

// Nothing: it is refused like a new one.
// Source: updateAccountClaimsWithRefresh in server/accounts.go 2.9.10 to 2.15.
inline std::optional<ClaimsEnd> claims_end(auth::JwtOutcome outcome) {
    switch (outcome) {
        case auth::JwtOutcome::kRevoked:
            return ClaimsEnd{proto::kErrUserAuthenticationRevoked, link::CloseReason::kRevocation};
        case auth::JwtOutcome::kUserExpired:
            return ClaimsEnd{proto::kErrUserAuthenticationExpired,
                             link::CloseReason::kAuthenticationExpired};
        case auth::JwtOutcome::kAccountExpired:
            return ClaimsEnd{proto::kErrAccountAuthenticationExpired,
                             link::CloseReason::kAuthenticationExpired};
        case auth::JwtOutcome::kAccepted:
        case auth::JwtOutcome::kRefused:
        case auth::JwtOutcome::kAccountUnknown:
            break;
    }
    return std::nullopt;
}

}  // namespace nuring::client

// SPDX-License-Identifier: Apache-2.0
// A login in operator mode: is that user token good, by the accounts loaded so far?
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/auth/authenticator.h"
#include "core/auth/connection_types.h"
#include "core/auth/trust.h"

namespace nuring::auth {

// The client's credentials, its address, and the time. Owned: another thread checks them.
struct JwtLogin {
    std::string token;
    std::string sentinel;  // counts instead of what is no user token; may be empty
    std::string signature;
    std::string nonce;
    std::string host;
    int64_t now_s = 0;
    ConnectionType type = ConnectionType::kStandard;
};

enum class JwtOutcome : uint8_t {
    kAccepted,
    kRefused,
    kRevoked,      // refused, because the account has revoked the user
    kUserExpired,  // refused, because its time is over
    kAccountExpired,
    kAccountUnknown,  // Trust::load(account) first, then again
};

struct JwtVerdict {
    JwtOutcome outcome = JwtOutcome::kRefused;
    std::shared_ptr<const Identity> identity;  // kAccepted
    std::string account;                       // whose user it would be, if that is known
    std::string reason;                        // for the log
    bool is_error = false;                     // an error line, else a debug line
};

// Threads: any but workers (two signatures: some 120 us). Errors: the verdict.
// Source:  server/auth.go, processClientOrLeafAuthentication 2.9.10.
JwtVerdict check_jwt_login(const Trust& trust, const JwtLogin& login);

}  // namespace nuring::auth

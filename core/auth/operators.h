// SPDX-License-Identifier: Apache-2.0
// The operators that a configuration trusts: their tokens, from files or from the configuration itself.
// Threads: the control thread. Errors: as status, in the reference's words.
// Source: server/jwt.go, readOperatorJWT and validateTrustedOperators 2.9.10.
#pragma once

#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/auth/claims.h"
#include "core/config/diagnostics.h"
#include "core/config/options.h"
#include "core/config/source.h"

namespace nuring::auth {

// The claims of all operators, in the order of the configuration.
absl::StatusOr<std::vector<OperatorClaims>> read_operators(const config::OperatorOptions& options,
                                                           const config::Sources& sources);

// Does an operator ask for a newer server than this version ("2.10.0")?
absl::Status check_server_version(const OperatorClaims& claims, std::string_view version);

// The part of reading a configuration that needs the tokens: errors in them, the system account and, if
// no resolver is configured, the account server that they name. Before config::validate().
void complete_operators(const config::Sources& sources, config::Options* options,
                        config::Diagnostics* diagnostics);

}  // namespace nuring::auth

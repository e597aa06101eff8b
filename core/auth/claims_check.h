// SPDX-License-Identifier: Apache-2.0
// The reasons to refuse claims although their signature is valid.
// Threads: any. Errors: the faults, in the words of the jwt library; none: empty.
// Source: Validate() in nats-io/jwt v2.3; where 0.2.6 differs, the stricter one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/auth/claims.h"

namespace nuring::auth {

using Faults = std::vector<std::string>;

// "claim is expired", "claim is not yet valid".
Faults time_faults(const ClaimsHead& head, int64_t now_s);

Faults faults_of(const OperatorClaims& claims, int64_t now_s);
Faults faults_of(const UserClaims& claims, int64_t now_s);
// An invalid activation token disables its import only, not the account as in the reference: otherwise an
// exporter could lock out an importer by letting a token expire.
Faults faults_of(const AccountClaims& claims, int64_t now_s);
// Mappings that cannot be applied. A push of such claims is refused; an account that has them already works
// without these mappings. Source: validateAccountClaimMappings in server/accounts.go 2.15.3.
Faults mapping_faults(const AccountClaims& claims);

// May this account take that import with that activation token? Signed by the exporter or one of its
// signing keys, for this importer, this kind and a subject that covers the import; valid now; not
// revoked by the export. (RC19 accepts a token without issuer_account from any signer.)
bool is_activated(const AccountClaims& importer, const ImportClaim& import,
                  const ActivationClaims& activation, const AccountClaims& exporter, int64_t now_s);

}  // namespace nuring::auth

// SPDX-License-Identifier: Apache-2.0
// Parts of one account on /accountz: what it gives to others and takes from them, and what was signed
// of it.
#pragma once

#include "core/auth/trust.h"
#include "core/config/options.h"
#include "proto/json_writer.h"

namespace nuring::monitor {

// mappings, exports and imports; each is left out when there are none.
// Errors: none. Source: accountInfo in server/monitor.go 2.9.10.
void write_exchange(proto::JsonWriter* json, const config::AccountOptions& account);

// jwt, issuer_key, name_tag, tags, and the claims themselves (`decoded_jwt`). Null: nothing.
void write_claims(proto::JsonWriter* json, const auth::TrustedAccountPtr& account);

}  // namespace nuring::monitor

// SPDX-License-Identifier: Apache-2.0
// One HTTP GET, for accounts and activation tokens that lie behind a URL.
// Threads: any; blocks. Errors: "could not fetch <"url">: why", without user and password.
// Limits:  2 seconds for all of it; kJwtBytesMax bytes. https checks the server's
//          certificate against the system's roots, or against ca_file. No redirects.
// Source:  server/accounts.go, URLAccResolver 2.9.10.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace nuring::auth {

absl::StatusOr<std::string> http_get(const std::string& url, const std::string& ca_file = {});

}  // namespace nuring::auth

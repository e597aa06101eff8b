// SPDX-License-Identifier: Apache-2.0
// One HTTP GET, for accounts and activation tokens that lie behind a URL.
// Threads: any; blocks. Errors: "could not fetch <"url">: why", without user and password.
// Limits:  2 seconds for all of it; kJwtBytesMax bytes. https checks the server's
//          certificate against the system's roots, or as `tls` says. Up to 9 redirects; a proxy of the
//          environment is not used.
// Source:  server/accounts.go, URLAccResolver 2.9.10.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "core/config/options.h"

namespace nuring::auth {

// Of `tls`: ca_file, cert_file, key_file, insecure, min_version, cipher_suites, curve_preferences.
absl::StatusOr<std::string> http_get(const std::string& url, const config::TlsOptions& tls = {});

}  // namespace nuring::auth

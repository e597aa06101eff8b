// SPDX-License-Identifier: Apache-2.0
// Why the peer's certificate was refused, in the words that operators know.
#pragma once

#include <openssl/x509.h>

#include <string>

namespace nuring::tls {

// The error that stands in `store`, whose chain was being verified. `server_name` is whom a client
// wanted to meet. Common errors in the words of the reference ("x509: certificate is valid for
// one.io, not two.io"), the rest in OpenSSL's own. Times in UTC.
// Source: crypto/x509/verify.go of Go 1.19, CertificateInvalidError and HostnameError.
std::string verify_error(X509_STORE_CTX* store, const std::string& server_name);

}  // namespace nuring::tls

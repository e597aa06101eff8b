// SPDX-License-Identifier: Apache-2.0
// The identity that the certificate of the other end states.
#pragma once

#include <openssl/x509.h>

#include <string>

#include "core/base/certificate_names.h"

namespace nuring::tls {

// The fields of a certificate that monitoring shows. Digests are SHA-256 in lower-case hex.
struct PeerCertificate {
    std::string subject;
    std::string public_key_digest;  // of its SubjectPublicKeyInfo; what pinned_certs names
    std::string digest;             // of all of it
};

base::CertificateNames names_of(const X509* certificate);
PeerCertificate describe(const X509* certificate);
std::string public_key_digest(const X509* certificate);

}  // namespace nuring::tls

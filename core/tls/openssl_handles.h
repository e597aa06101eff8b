// SPDX-License-Identifier: Apache-2.0
// Owners of OpenSSL's objects.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>

namespace nuring::tls {

// Calls Free on what a unique_ptr owns.
template <auto Free>
struct Freer {
    template <typename T>
    void operator()(T* object) const {
        Free(object);
    }
};

using BioHandle = std::unique_ptr<BIO, Freer<BIO_free>>;
using CertificateHandle = std::unique_ptr<X509, Freer<X509_free>>;
using KeyHandle = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using SslHandle = std::unique_ptr<SSL, Freer<SSL_free>>;
using SslCtxHandle = std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>>;

}  // namespace nuring::tls

// SPDX-License-Identifier: Apache-2.0
// Certificates for tests and benchmarks, made on the spot: nothing in the tree that could expire.
#pragma once

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace nuring::test {

struct CertificateRequest {
    std::string key = "P-256";  // a curve, or the bits of an RSA key
    std::vector<std::pair<std::string, std::string>> subject = {{"CN", "localhost"}};
    std::string names = "IP:127.0.0.1,DNS:localhost";  // subjectAltName; may be empty
    long valid_s = 3600;  // NOLINT(google-runtime-int): OpenSSL's type; negative: expired
    bool authority = false;
};

// A certificate, its key and the files that hold them, which go with it.
class TestCertificate {
  public:
    // Signed by `issuer`, or by itself if null.
    explicit TestCertificate(const CertificateRequest& request,
                             const TestCertificate* issuer = nullptr)
        : key_(make_key(request.key), &EVP_PKEY_free), certificate_(X509_new(), &X509_free) {
        static long serial = 0;  // NOLINT(google-runtime-int)
        X509* made = certificate_.get();
        X509_set_version(made, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(made), ++serial);
        X509_gmtime_adj(X509_getm_notBefore(made), -7200);
        X509_gmtime_adj(X509_getm_notAfter(made), request.valid_s);
        X509_NAME* name = X509_get_subject_name(made);
        for (const auto& [type, value] : request.subject) {
            X509_NAME_add_entry_by_txt(name, type.c_str(), MBSTRING_UTF8,
                                       reinterpret_cast<const unsigned char*>(value.data()),
                                       static_cast<int>(value.size()), -1, 0);
        }
        const TestCertificate& signer = issuer != nullptr ? *issuer : *this;
        X509_set_issuer_name(made, X509_get_subject_name(signer.certificate_.get()));
        X509_set_pubkey(made, key_.get());
        extend(NID_basic_constraints, request.authority ? "critical,CA:TRUE" : "CA:FALSE");
        if (!request.names.empty()) extend(NID_subject_alt_name, request.names.c_str());
        X509_sign(made, signer.key_.get(), EVP_sha256());
        write_files();
    }
    ~TestCertificate() {
        (void)std::remove(certificate_file_.c_str());
        (void)std::remove(key_file_.c_str());
    }
    TestCertificate(const TestCertificate&) = delete;
    TestCertificate& operator=(const TestCertificate&) = delete;

    const std::string& certificate_file() const { return certificate_file_; }
    const std::string& key_file() const { return key_file_; }
    X509* native() const { return certificate_.get(); }

  private:
    static EVP_PKEY* make_key(const std::string& kind) {
        const int bits = std::atoi(kind.c_str());
        return bits > 0 ? EVP_RSA_gen(static_cast<unsigned>(bits)) : EVP_EC_gen(kind.c_str());
    }

    void extend(int nid, const char* text) {
        X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, text);
        X509_add_ext(certificate_.get(), extension, -1);
        X509_EXTENSION_free(extension);
    }

    static std::FILE* open_new(std::string* path) {
        const char* folder = std::getenv("TMPDIR");
        *path = std::string(folder != nullptr ? folder : "/tmp") + "/nuring-test-XXXXXX";
        return ::fdopen(::mkstemp(path->data()), "w");
    }

    void write_files() {
        std::FILE* out = open_new(&certificate_file_);
        PEM_write_X509(out, certificate_.get());
        (void)std::fclose(out);
        out = open_new(&key_file_);
        PEM_write_PrivateKey(out, key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
        (void)std::fclose(out);
    }

    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
    std::unique_ptr<X509, decltype(&X509_free)> certificate_;
    std::string certificate_file_;
    std::string key_file_;
};

}  // namespace nuring::test

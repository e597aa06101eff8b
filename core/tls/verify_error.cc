// SPDX-License-Identifier: Apache-2.0
#include "core/tls/verify_error.h"

#include <arpa/inet.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <array>
#include <ctime>
#include <memory>

#include "core/tls/openssl_handles.h"
#include "fmt/format.h"

namespace nuring::tls {
namespace {

struct VerifyWording {
    int result;
    const char* text;
};

constexpr VerifyWording kWordings[] = {
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "x509: certificate signed by unknown authority"},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "x509: certificate signed by unknown authority"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, "x509: certificate signed by unknown authority"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "x509: certificate signed by unknown authority"},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "x509: certificate signed by unknown authority"},
    {X509_V_ERR_INVALID_PURPOSE, "x509: certificate specifies an incompatible key usage"},
    {X509_V_ERR_INVALID_CA, "x509: certificate is not authorized to sign other certificates"},
    {X509_V_ERR_PATH_LENGTH_EXCEEDED, "x509: too many intermediates for path length constraint"},
};

struct Asn1TimeFree {
    void operator()(ASN1_TIME* time) const { ASN1_STRING_free(time); }
};

std::string rfc3339(const ASN1_TIME* time) {
    std::tm fields{};
    if (ASN1_TIME_to_tm(time, &fields) != 1) return "unknown";
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", fields.tm_year + 1900,
                       fields.tm_mon + 1, fields.tm_mday, fields.tm_hour, fields.tm_min,
                       fields.tm_sec);
}

// By OpenSSL's clock, which has just refused the certificate.
std::string expired(const X509* certificate, bool too_early) {
    const std::unique_ptr<ASN1_TIME, Asn1TimeFree> now(X509_gmtime_adj(nullptr, 0));
    const ASN1_TIME* limit =
        too_early ? X509_get0_notBefore(certificate) : X509_get0_notAfter(certificate);
    return fmt::format("x509: certificate has expired or is not yet valid: current time {} is {} {}",
                       rfc3339(now.get()), too_early ? "before" : "after", rfc3339(limit));
}

std::string address_text(const ASN1_OCTET_STRING* address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    const int family = ASN1_STRING_length(address) == 4 ? AF_INET : AF_INET6;
    if (family == AF_INET6 && ASN1_STRING_length(address) != 16) return "";
    ::inet_ntop(family, ASN1_STRING_get0_data(address), text.data(), text.size());
    return text.data();
}

std::string wrong_name(X509* certificate, const std::string& name) {
    const std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>> alternatives(
        static_cast<GENERAL_NAMES*>(
            X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    in6_addr parsed{};
    const bool is_address = ::inet_pton(AF_INET, name.c_str(), &parsed) == 1 ||
                            ::inet_pton(AF_INET6, name.c_str(), &parsed) == 1;
    std::string valid;
    for (int i = 0; i < sk_GENERAL_NAME_num(alternatives.get()); ++i) {
        const GENERAL_NAME* each = sk_GENERAL_NAME_value(alternatives.get(), i);
        if (each->type != (is_address ? GEN_IPADD : GEN_DNS)) continue;
        if (!valid.empty()) valid += ", ";
        if (is_address) {
            valid += address_text(each->d.iPAddress);
        } else {
            valid.append(reinterpret_cast<const char*>(ASN1_STRING_get0_data(each->d.dNSName)),
                         static_cast<size_t>(ASN1_STRING_length(each->d.dNSName)));
        }
    }
    if (!valid.empty()) return fmt::format("x509: certificate is valid for {}, not {}", valid, name);
    if (alternatives == nullptr && X509_check_host(certificate, name.c_str(), name.size(), 0,
                                                   /*peername=*/nullptr) == 1) {
        return "x509: certificate relies on legacy Common Name field, use SANs instead";
    }
    if (is_address) {
        return fmt::format(
            "x509: cannot validate certificate for {} because it doesn't contain any IP SANs", name);
    }
    return fmt::format("x509: certificate is not valid for any names, but wanted to match {}", name);
}

bool is_name_mismatch(int verify_result) {
    return verify_result == X509_V_ERR_HOSTNAME_MISMATCH ||
           verify_result == X509_V_ERR_IP_ADDRESS_MISMATCH;
}

}  // namespace

std::string verify_error(X509_STORE_CTX* store, const std::string& server_name) {
    const int result = X509_STORE_CTX_get_error(store);
    X509* certificate = X509_STORE_CTX_get_current_cert(store);
    if (certificate != nullptr) {
        if (is_name_mismatch(result)) return wrong_name(certificate, server_name);
        if (result == X509_V_ERR_CERT_HAS_EXPIRED) return expired(certificate, false);
        if (result == X509_V_ERR_CERT_NOT_YET_VALID) return expired(certificate, true);
    }
    for (const VerifyWording& each : kWordings) {
        if (each.result == result) return each.text;
    }
    return X509_verify_cert_error_string(result);
}

}  // namespace nuring::tls

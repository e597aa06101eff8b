// SPDX-License-Identifier: Apache-2.0
#include "core/tls/tls_peer.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <array>
#include <iterator>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "core/tls/openssl_handles.h"
#include "fmt/format.h"

namespace nuring::tls {
namespace {

struct AttributeName {
    int nid;
    const char* name;
};

// Those of the reference's fixed order first, in that order.
constexpr AttributeName kAttributes[] = {
    {NID_serialNumber, "SERIALNUMBER"},
    {NID_commonName, "CN"},
    {NID_postalCode, "POSTALCODE"},
    {NID_streetAddress, "STREET"},
    {NID_stateOrProvinceName, "ST"},
    {NID_localityName, "L"},
    {NID_organizationalUnitName, "OU"},
    {NID_organizationName, "O"},
    {NID_countryName, "C"},
    {NID_domainComponent, "DC"},
    {NID_userId, "UID"},
};
constexpr size_t kFixedOrderCount = 9;

std::string type_of(const ASN1_OBJECT* object) {
    const int nid = OBJ_obj2nid(object);
    for (const AttributeName& each : kAttributes) {
        if (each.nid == nid) return each.name;
    }
    std::array<char, 128> text{};
    OBJ_obj2txt(text.data(), text.size(), object, /*no_name=*/1);
    return text.data();
}

std::string utf8_of(const ASN1_STRING* string) {
    unsigned char* bytes = nullptr;
    const int size = ASN1_STRING_to_UTF8(&bytes, string);
    if (size < 0) return "";
    std::string text(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
    OPENSSL_free(bytes);
    return text;
}

// In a certificate the most general part comes first.
base::DistinguishedName name_of(const X509_NAME* subject) {
    base::DistinguishedName name;
    int set = -1;
    for (int i = X509_NAME_entry_count(subject) - 1; i >= 0; --i) {
        const X509_NAME_ENTRY* entry = X509_NAME_get_entry(subject, i);
        if (name.parts.empty() || X509_NAME_ENTRY_set(entry) != set) name.parts.emplace_back();
        set = X509_NAME_ENTRY_set(entry);
        name.parts.back().push_back({.type = type_of(X509_NAME_ENTRY_get_object(entry)),
                                     .value = utf8_of(X509_NAME_ENTRY_get_data(entry))});
    }
    return name;
}

// Several values of one attribute are joined by plus signs; of a CN and of a serial number only the
// last one counts.
std::string fixed_order(const X509_NAME* subject, bool* whole = nullptr) {
    std::array<std::vector<std::string>, kFixedOrderCount> values;
    for (int i = 0; i < X509_NAME_entry_count(subject); ++i) {
        const X509_NAME_ENTRY* entry = X509_NAME_get_entry(subject, i);
        const int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
        for (size_t k = 0; k < kFixedOrderCount; ++k) {
            if (kAttributes[k].nid != nid) continue;
            if (nid == NID_commonName || nid == NID_serialNumber) values[k].clear();
            values[k].push_back(utf8_of(X509_NAME_ENTRY_get_data(entry)));
        }
    }
    std::string text;
    int left = X509_NAME_entry_count(subject);
    for (size_t k = 0; k < kFixedOrderCount; ++k) {
        bool first = true;
        left -= static_cast<int>(values[k].size());
        for (const std::string& value : values[k]) {
            if (!text.empty()) text += first ? "," : "+";
            first = false;
            text += fmt::format("{}={}", kAttributes[k].name, base::escape_name_value(value));
        }
    }
    if (whole != nullptr) *whole = left == 0;
    return text;
}

std::string hex_digest(unsigned char* bytes, int size) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned digest_size = 0;
    if (size > 0) {
        EVP_Digest(bytes, static_cast<size_t>(size), digest.data(), &digest_size, EVP_sha256(),
                   nullptr);
        OPENSSL_free(bytes);
    }
    std::string text;
    for (unsigned i = 0; i < digest_size; ++i) text += fmt::format("{:02x}", digest[i]);
    return text;
}

std::string text_of(const ASN1_IA5STRING* string) {
    const unsigned char* bytes = ASN1_STRING_get0_data(string);
    return {reinterpret_cast<const char*>(bytes), static_cast<size_t>(ASN1_STRING_length(string))};
}

}  // namespace

base::CertificateNames names_of(const X509* certificate) {
    base::CertificateNames names;
    const X509_NAME* subject = X509_get_subject_name(certificate);
    names.subject = fixed_order(subject, &names.subject_is_whole);
    names.name = name_of(subject);
    const std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>> alternatives(
        static_cast<GENERAL_NAMES*>(
            X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    for (int i = 0; i < sk_GENERAL_NAME_num(alternatives.get()); ++i) {
        const GENERAL_NAME* each = sk_GENERAL_NAME_value(alternatives.get(), i);
        if (each->type == GEN_EMAIL) names.emails.push_back(text_of(each->d.rfc822Name));
        if (each->type == GEN_DNS) names.dns.push_back(text_of(each->d.dNSName));
        if (each->type == GEN_URI) names.uris.push_back(text_of(each->d.uniformResourceIdentifier));
    }
    return names;
}

std::string public_key_digest(const X509* certificate) {
    unsigned char* bytes = nullptr;
    const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &bytes);
    return hex_digest(bytes, size);
}

PeerCertificate describe(const X509* certificate) {
    unsigned char* bytes = nullptr;
    const int size = i2d_X509(certificate, &bytes);
    return {.subject = fixed_order(X509_get_subject_name(certificate)),
            .public_key_digest = public_key_digest(certificate),
            .digest = hex_digest(bytes, size)};
}

}  // namespace nuring::tls

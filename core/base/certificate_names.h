// SPDX-License-Identifier: Apache-2.0
// The names of a certificate's holder.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nuring::base {

// One "CN=derek" of a distinguished name. Types are upper case, or a dotted OID.
struct NameAttribute {
    std::string type;
    std::string value;
    friend bool operator==(const NameAttribute&, const NameAttribute&) = default;
};

// DistinguishedName is a subject, most specific part first: each part is a set of attributes.
// Two names are the same if their keys are: every part of one is in the other, no part left over.
// Values are compared byte by byte, types without regard to case.
// Source: RFC 4514.
struct DistinguishedName {
    std::vector<std::vector<NameAttribute>> parts;

    // "CN=derek, OU=NATS.io", as it stands in a configuration; none if it is not such a text.
    static std::optional<DistinguishedName> parse(std::string_view text);

    // The same text for every spelling of the same name; ordered: parts in this order only.
    std::string key(bool ordered) const;
};

// Escapes , + " \ < > ; and what is special at the ends of a value.
std::string escape_name_value(std::string_view value);

// The names of one certificate, in the order in which they are tried.
struct CertificateNames {
    std::vector<std::string> emails;
    std::vector<std::string> dns;
    std::vector<std::string> uris;
    // The subject in the reference's fixed order of nine attributes, whatever the certificate's.
    // Source: crypto/x509/pkix, RDNSequence.String.
    std::string subject;
    bool subject_is_whole = false;  // it leaves out nothing of the name
    DistinguishedName name;         // all of the subject
};

}  // namespace nuring::base

// SPDX-License-Identifier: Apache-2.0
#include "core/auth/certificate_users.h"

#include "fmt/format.h"

namespace nuring::auth {

void CertificateUsers::add(const std::string& user) {
    users_.insert(user);
    const auto name = base::DistinguishedName::parse(user);
    if (!name.has_value()) return;
    ordered_.emplace(name->key(/*ordered=*/true), user);
    unordered_.emplace(name->key(/*ordered=*/false), user);
}

CertificateUsers::Found CertificateUsers::find(const base::CertificateNames& names) const {
    const bool has_others = !names.emails.empty() || !names.dns.empty() || !names.uris.empty();
    if (!has_others && names.name.parts.empty()) {
        return {.user = {}, .remark = "User required in cert, none found"};
    }
    const struct {
        const char* kind;
        const std::vector<std::string>& names;
    } alternatives[] = {{"email", names.emails}, {"SAN", names.dns}, {"URI", names.uris}};
    for (const auto& [kind, each_of_kind] : alternatives) {
        for (const std::string& name : each_of_kind) {
            if (name.empty() || !users_.contains(name)) continue;
            return {.user = name,
                    .remark = fmt::format("Using {} found in cert for auth [\"{}\"]", kind, name)};
        }
    }
    if (!names.name.parts.empty()) {
        for (const bool in_order : {true, false}) {
            const auto& table = in_order ? ordered_ : unordered_;
            const auto found = table.find(names.name.key(in_order));
            if (found == table.end()) continue;
            return {.user = found->second,
                    .remark = fmt::format("Using DistinguishedNameMatch for auth [\"{}\"]",
                                          found->second)};
        }
    }
    // The reference compares this text even if it leaves attributes out; then a certificate with other
    // values of these would be the same user. Here a text that is not complete matches no user.
    if (names.subject_is_whole && !names.subject.empty() && users_.contains(names.subject)) {
        return {.user = names.subject,
                .remark = fmt::format("Using certificate subject for auth [\"{}\"]", names.subject)};
    }
    return {.user = {}, .remark = fmt::format("User in cert [\"{}\"], not found", names.subject)};
}

}  // namespace nuring::auth

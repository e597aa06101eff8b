// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "core/base/certificate_names.h"

namespace nuring::auth {

// CertificateUsers finds the user that a client certificate names (verify_and_map): the first of its
// e-mail, DNS and URI names that is a user, else the user whose name is its subject, however spelled:
// most specific part first, or reversed, or in any order, but part by part and with none left over.
// Threads: any, once built. Errors: an empty `user`.
// Source:  checkClientTLSCertSubject in server/auth.go 2.9.10. A name that only looks alike is another
//          one (CVE-2026-33248): values are compared whole, after their escapes are undone.
class CertificateUsers {
  public:
    struct Found {
        std::string user;    // empty: none
        std::string remark;  // for the debug log
    };

    void add(const std::string& user);
    Found find(const base::CertificateNames& names) const;

  private:
    absl::flat_hash_set<std::string> users_;
    absl::flat_hash_map<std::string, std::string> ordered_;  // key of a distinguished name -> user
    absl::flat_hash_map<std::string, std::string> unordered_;
};

}  // namespace nuring::auth

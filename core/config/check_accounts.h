// SPDX-License-Identifier: Apache-2.0
// The checks that concern several accounts at once, or two subjects of one: exports, imports, mappings.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/config/options.h"

namespace nuring::config {

// Exports name accounts that exist; imports name accounts that exist and admit them, can be carried
// out, and lead round in no circle. One text per fault, in the reference's words and order.
// Source: parseAccounts in server/opts.go and server/accounts.go 2.9.10.
std::vector<std::string> check_exchanges(const std::vector<AccountOptions>& accounts);

// Empty, or that the subject is longer than proto::kSubjectSizeMax. Subjects of files and claims are
// checked here, because no control line bounds them.
std::string subject_size_fault(std::string_view subject);
// The same of all that the import can make: its subject, and the local name.
std::string import_size_fault(const AccountImport& wanted);

// Empty, or what is wrong with it. Source: AddWeightedMappings in server/accounts.go 2.15.3.
std::string check_mapping(const SubjectMapping& mapping);

}  // namespace nuring::config

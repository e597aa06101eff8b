// SPDX-License-Identifier: Apache-2.0
// Exports of accounts: which export admits an import, and the names on both sides.
// Asked when a configuration is checked and when accounts are built from it or from claims.
// Source: checkStreamExportApproved, checkServiceExportApproved and checkAuth in server/accounts.go
//         2.9.10; where several exports cover a subject, that one may admit is enough (the reference
//         asks a random one).
#pragma once

#include <string>
#include <string_view>

#include "core/config/options.h"

namespace nuring::config {

// The export of `exporter` by which `importer` may have what `wanted` names; null: it may not.
const AccountExport* admitting_export(const AccountOptions& exporter, const AccountImport& wanted,
                                      std::string_view importer);

// The name of an import in the importing account; `$n` and functions in it as they were written.
//   stream  {subject: "a.*", prefix: p} -> "p.a.*"    {subject: "a.*", to: "b.$1"} -> "b.$1"
//   service {subject: a, to: b} -> "b"                {subject: a} -> "a"
std::string local_name(const AccountImport& wanted);

}  // namespace nuring::config

// SPDX-License-Identifier: Apache-2.0
#include "core/config/exports.h"

#include <algorithm>

#include "proto/subject.h"

namespace nuring::config {
namespace {

std::string_view token_at(std::string_view subject, int64_t position) {
    int64_t place = 0;
    for (const std::string_view token : proto::SubjectTokens(subject)) {
        if (++place == position) return token;
    }
    return {};
}

// `exact`: the import names the export's own subject; then there is no token to compare.
bool admits(const AccountExport& exported, const AccountImport& wanted, std::string_view importer,
            bool exact) {
    if (exported.account_token_position != 0) {  // a negative one, of a JWT, is no token: nobody's
        return !exact && token_at(wanted.subject, exported.account_token_position) == importer;
    }
    if (exported.token_required) return wanted.activated;
    if (exported.is_public) return true;
    return std::find(exported.accounts.begin(), exported.accounts.end(), importer) !=
           exported.accounts.end();
}

}  // namespace

const AccountExport* admitting_export(const AccountOptions& exporter, const AccountImport& wanted,
                                      std::string_view importer) {
    bool has_exact = false;
    for (const AccountExport& exported : exporter.exports) {
        if (exported.kind != wanted.kind || exported.subject != wanted.subject) continue;
        if (admits(exported, wanted, importer, /*exact=*/true)) return &exported;
        has_exact = true;
    }
    if (has_exact) return nullptr;
    for (const AccountExport& exported : exporter.exports) {
        if (exported.kind != wanted.kind) continue;
        if (!proto::is_subset(wanted.subject, exported.subject)) continue;
        if (admits(exported, wanted, importer, /*exact=*/false)) return &exported;
    }
    return nullptr;
}

std::string local_name(const AccountImport& wanted) {
    if (wanted.kind == ExchangeKind::kStream && !wanted.prefix.empty()) {
        return wanted.prefix + (wanted.prefix.ends_with('.') ? "" : ".") + wanted.subject;
    }
    return wanted.to.empty() ? wanted.subject : wanted.to;
}

}  // namespace nuring::config

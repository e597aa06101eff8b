// SPDX-License-Identifier: Apache-2.0
#include "core/auth/claims_check.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/numbers.h"
#include "core/auth/login_limits.h"
#include "core/auth/nkey.h"
#include "core/base/status.h"
#include "core/config/check_accounts.h"
#include "core/config/inactive.h"
#include "fmt/format.h"
#include "proto/quote.h"
#include "proto/subject.h"

namespace nuring::auth {
namespace {

using proto::quote;

std::string_view kind_name(config::ExchangeKind kind) {
    return kind == config::ExchangeKind::kStream ? "stream" : "service";
}

void check_subject(std::string_view subject, Faults* faults) {
    if (subject.empty()) faults->push_back("subject cannot be empty");
    if (std::string fault = config::subject_size_fault(subject); !fault.empty()) {
        return faults->push_back(std::move(fault));
    }
    if (subject.find(' ') != std::string_view::npos) {
        faults->push_back(fmt::format("subject {} cannot have spaces", quote(subject)));
    }
}

// The importer's name of what it imports: `*` and `$1` stand for the wildcards of the other side.
// Source: RenamingSubject.Validate in types.go of github.com/nats-io/jwt/v2 2.8.
void check_local_subject(std::string_view local, std::string_view subject, Faults* faults) {
    const auto has_tail = [](std::string_view text) { return text == ">" || text.ends_with(".>"); };
    check_subject(local, faults);
    if (has_tail(local) != has_tail(subject)) {
        faults->push_back(fmt::format(
            "both, renaming subject {} and subject, need to end or not end in >", quote(local)));
    }
    const auto tokens = proto::SubjectTokens(subject);
    const auto wildcards = std::count(tokens.begin(), tokens.end(), proto::kAnyToken);
    std::ptrdiff_t references = 0;
    for (const std::string_view token : proto::SubjectTokens(local)) {
        if (token == proto::kAnyToken) ++references;
        int index = 0;
        const bool numbered = token.size() > 1 && token[0] == '$' &&
                              absl::SimpleAtoi(base::absl_view(token.substr(1)), &index);
        if (!numbered) continue;
        ++references;
        if (index <= wildcards) continue;
        faults->push_back(fmt::format("Reference ${} in {} reference * in {} that do not exist", index,
                                      quote(local), quote(subject)));
    }
    if (references == wildcards) return;
    faults->push_back(fmt::format(
        "subject {} does not contain enough * or reference wildcards $[0-9]", quote(local)));
}

void check_entries(const std::vector<std::string>& entries, bool may_name_queue, Faults* faults) {
    for (const std::string& entry : entries) {
        const auto spaces = std::count(entry.begin(), entry.end(), ' ');
        if (spaces > 1) {
            faults->push_back(
                fmt::format("Permission Subject \"{}\" contains too many spaces", entry));
        } else if (spaces == 1 && !may_name_queue) {
            faults->push_back(
                fmt::format("Permission Subject \"{}\" is not allowed to contain queue", entry));
        }
        const size_t space = entry.find(' ');
        check_subject(std::string_view(entry).substr(0, space), faults);
        if (spaces == 1) check_subject(std::string_view(entry).substr(space + 1), faults);
    }
}

void check_permissions(const config::Permissions& permissions, Faults* faults) {
    check_entries(permissions.subscribe.allow, true, faults);
    check_entries(permissions.subscribe.deny, true, faults);
    check_entries(permissions.publish.allow, false, faults);
    check_entries(permissions.publish.deny, false, faults);
}

void check_rights(const UserRights& rights, Faults* faults) {
    check_permissions(rights.permissions, faults);
    for (const std::string& network : rights.sources) {
        if (is_network(network)) continue;
        faults->push_back(fmt::format("invalid cidr {} in user src limits", quote(network)));
    }
    for (const TimeRange& range : rights.times) {
        if (!is_time_of_day(range.start)) {
            faults->push_back(fmt::format("start in time range is invalid {}", quote(range.start)));
        }
        if (!is_time_of_day(range.end)) {
            faults->push_back(fmt::format("end in time range is invalid {}", quote(range.end)));
        }
    }
    if (!rights.times_location.empty() && !is_time_zone(rights.times_location)) {
        faults->push_back(fmt::format("could not parse iana time zone by name: {}",
                                      quote(rights.times_location)));
    }
}

// Source: exports.go of github.com/nats-io/jwt/v2.
void check_latency(const config::AccountExport& exported, Faults* faults) {
    const config::LatencyOptions& latency = *exported.latency;
    if (exported.kind != config::ExchangeKind::kService) {
        faults->push_back("latency tracking only permitted for services");
    }
    if (latency.sampling < 0 || latency.sampling > 100) {
        faults->push_back("sampling percentage needs to be between 1-100");
    }
    check_subject(latency.subject, faults);
    if (!latency.subject.empty() && !proto::is_literal(latency.subject)) {
        faults->push_back("results subject can not contain wildcards");
    }
}

void check_exports(const AccountClaims& claims, Faults* faults) {
    const auto& exports = claims.exports;
    for (size_t i = 0; i < exports.size(); ++i) {
        const config::AccountExport& each = exports[i].exported;
        if (!exports[i].unknown_type.empty()) {
            faults->push_back(
                fmt::format("invalid export type: {}", quote(exports[i].unknown_type)));
        }
        check_subject(each.subject, faults);
        if (each.response_threshold.count() < 0) {
            faults->push_back("negative response threshold is invalid");
        }
        if (each.latency.has_value()) check_latency(each, faults);
        for (size_t j = 0; j < exports.size(); ++j) {
            const config::AccountExport& other = exports[j].exported;
            if (i == j || each.kind != other.kind) continue;
            if (each.subject == other.subject ? i < j
                                              : proto::is_subset(each.subject, other.subject)) {
                faults->push_back(fmt::format("{} export subject {} already exports {}",
                                              kind_name(each.kind), quote(other.subject),
                                              quote(each.subject)));
            }
        }
    }
}

void check_imports(const AccountClaims& claims, Faults* faults) {
    for (const ImportClaim& each : claims.imports) {
        if (!each.unknown_type.empty()) {
            faults->push_back(fmt::format("invalid import type: {}", quote(each.unknown_type)));
        }
        if (each.imported.account.empty()) {
            faults->push_back("account to import from is not specified");
        }
        check_subject(each.subject, faults);
        if (!each.local_subject.empty()) check_local_subject(each.local_subject, each.subject, faults);
        if (!each.to.empty()) check_subject(each.to, faults);
        if (std::string fault = config::import_size_fault(each.imported); !fault.empty()) {
            faults->push_back(std::move(fault));
        }
        if (!each.local_subject.empty() && !each.to.empty()) {
            faults->push_back("Local Subject replaces To");
        }
        if (each.imported.share && each.imported.kind != config::ExchangeKind::kService) {
            faults->push_back(fmt::format(
                "sharing information (for latency tracking) is only valid for services: {}",
                quote(each.subject)));
        }
    }
}

// All else that may be wrong with them is asked when they are pushed.
void check_mapping_sizes(const std::vector<config::SubjectMapping>& mappings, Faults* faults) {
    for (const config::SubjectMapping& mapping : mappings) {
        check_subject(mapping.source, faults);
        for (const config::MappingTarget& target : mapping.targets) check_subject(target.subject, faults);
    }
}

void check_limits(const AccountClaims& claims, Faults* faults) {
    const AccountLimitClaims& limits = claims.limits;
    const auto exceeds = [](size_t count, int64_t limit) {
        return limit != config::kUnlimited && static_cast<int64_t>(count) > limit;
    };
    if (exceeds(claims.imports.size(), limits.imports)) {
        faults->push_back("the account contains more imports than allowed by the operator");
    }
    if (exceeds(claims.exports.size(), limits.exports)) {
        faults->push_back("the account contains more exports than allowed by the operator");
    }
    if (limits.exports == config::kUnlimited || limits.wildcard_exports) return;
    for (const ExportClaim& each : claims.exports) {
        if (proto::is_literal(each.exported.subject)) continue;
        faults->push_back(
            "the account contains wildcard exports that are not allowed by the operator");
    }
}

}  // namespace

Faults time_faults(const ClaimsHead& head, int64_t now_s) {
    Faults faults;
    if (head.expires > 0 && now_s > head.expires) faults.push_back("claim is expired");
    if (head.not_before > 0 && head.not_before > now_s) faults.push_back("claim is not yet valid");
    return faults;
}

Faults faults_of(const OperatorClaims& claims, int64_t now_s) {
    Faults faults = time_faults(claims.head, now_s);
    for (const std::string& key : claims.signing_keys) {
        if (is_public_nkey(key, NkeyKind::kOperator)) continue;
        faults.push_back(fmt::format("{} is not an operator public key", key));
    }
    if (!claims.system_account.empty() &&
        !is_public_nkey(claims.system_account, NkeyKind::kAccount)) {
        faults.push_back(fmt::format("{} is not an account public key", claims.system_account));
    }
    return faults;
}

Faults faults_of(const UserClaims& claims, int64_t now_s) {
    Faults faults = time_faults(claims.head, now_s);
    if (claims.rights.proxy_required && !config::is_active(config::Part::kProxyRequired)) {
        faults.push_back(config::inactive_text(config::Part::kProxyRequired));
    }
    check_rights(claims.rights, &faults);
    if (!claims.issuer_account.empty() &&
        !is_public_nkey(claims.issuer_account, NkeyKind::kAccount)) {
        faults.push_back("account_id is not an account public key");
    }
    return faults;
}

Faults faults_of(const AccountClaims& claims, int64_t now_s) {
    Faults faults = time_faults(claims.head, now_s);
    check_exports(claims, &faults);
    check_imports(claims, &faults);
    check_limits(claims, &faults);
    check_permissions(claims.default_permissions, &faults);
    check_mapping_sizes(claims.mappings, &faults);
    if (claims.has_auth_callout && !config::is_active(config::Part::kAuthCallout)) {
        faults.push_back(config::inactive_text(config::Part::kAuthCallout));
    }
    for (const SigningKey& each : claims.signing_keys) {
        if (is_public_nkey(each.key, NkeyKind::kAccount)) continue;
        faults.push_back(fmt::format("{} is not a valid account signing key", quote(each.key)));
    }
    return faults;
}

Faults mapping_faults(const AccountClaims& claims) {
    Faults faults;
    for (const config::SubjectMapping& mapping : claims.mappings) {
        std::string fault = config::check_mapping(mapping);
        if (!fault.empty()) faults.push_back(std::move(fault));
    }
    return faults;
}

bool is_activated(const AccountClaims& importer, const ImportClaim& import,
                  const ActivationClaims& activation, const AccountClaims& exporter, int64_t now_s) {
    const ClaimsHead& head = activation.head;
    const std::string& account = exporter.head.subject;
    const bool signed_by_exporter =
        head.issuer == account
            ? activation.issuer_account.empty() || activation.issuer_account == account
            : activation.issuer_account == account &&
                  exporter.find_signing_key(head.issuer) != nullptr;
    if (!signed_by_exporter || import.imported.account != account) return false;
    if (head.subject != importer.head.subject) return false;
    if (activation.kind != kind_name(import.imported.kind)) return false;
    if (!time_faults(head, now_s).empty() || (head.expires != 0 && head.expires <= now_s)) {
        return false;
    }
    const std::string& subject = import.imported.subject;  // the exporter's name of it
    if (!proto::is_subset(subject, activation.subject)) return false;
    return std::none_of(exporter.exports.begin(), exporter.exports.end(),
                        [&](const ExportClaim& each) {
                            return each.exported.kind == import.imported.kind &&
                                   proto::is_subset(subject, each.exported.subject) &&
                                   is_revoked(each.revocations, head.subject, head.issued_at);
                        });
}

}  // namespace nuring::auth

// SPDX-License-Identifier: Apache-2.0
// The claims of the signed tokens of operator mode, as plain structs.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/config/options.h"

namespace nuring::auth {

// Of every token. Times are Unix seconds; 0: none.
struct ClaimsHead {
    int version = 1;
    std::string issuer;   // nkey whose signature it is
    std::string subject;  // nkey that it speaks of
    std::string name;
    std::string audience;
    int64_t issued_at = 0;
    int64_t expires = 0;
    int64_t not_before = 0;
    std::vector<std::string> tags;
};

// -1: no limit. 0, also when absent: nothing at all.
struct NatsLimits {
    int64_t subscriptions = 0;
    int64_t data_bytes = 0;  // kept, not enforced, as in the reference
    int64_t payload = 0;

    friend bool operator==(const NatsLimits&, const NatsLimits&) = default;
};

struct TimeRange {  // of a day, "15:04:05"
    std::string start;
    std::string end;

    friend bool operator==(const TimeRange&, const TimeRange&) = default;
};

// The rights of a user: part of its own token, or of a scoped signing key's template.
struct UserRights {
    config::Permissions permissions;
    NatsLimits limits;
    std::vector<std::string> sources;           // networks that it may come from; empty: any
    std::vector<TimeRange> times;               // empty: always
    std::string times_location;                 // IANA name; empty: that of this machine
    bool bearer_token = false;                  // the token alone is enough
    std::vector<std::string> connection_types;  // empty: all
    bool proxy_required = false;                // may come only through a trusted proxy

    friend bool operator==(const UserRights&, const UserRights&) = default;
};

struct OperatorClaims {
    ClaimsHead head;
    std::vector<std::string> signing_keys;
    std::string account_server_url;  // accounts lie below "accounts/"
    std::string system_account;
    std::string assert_server_version;
    bool strict_signing_key_usage = false;  // accounts are signed by signing keys only
};

struct UserClaims {
    ClaimsHead head;
    std::string issuer_account;  // if a signing key issued it
    UserRights rights;
};

struct SigningKey {
    std::string key;
    std::optional<UserRights> scope;  // what its users may do; they claim nothing themselves

    friend bool operator==(const SigningKey&, const SigningKey&) = default;
};

// Key or "*" -> what was issued up to then is revoked.
using Revocations = std::map<std::string, int64_t>;
bool is_revoked(const Revocations& revocations, const std::string& key, int64_t issued_at);

struct ExportClaim {
    config::AccountExport exported;
    Revocations revocations;  // of activation tokens
    std::string unknown_type;
};

struct ImportClaim {
    config::AccountImport imported;
    std::string subject;  // as claimed: the publisher's view
    std::string to;       // deprecated since v2
    std::string local_subject;
    std::string token;  // activation token, or a URL of one (v1)
    std::string unknown_type;
};

struct AccountLimitClaims {
    NatsLimits nats;
    int64_t imports = 0;
    int64_t exports = 0;
    bool wildcard_exports = false;
    bool disallow_bearer = false;
    int64_t connections = 0;
    int64_t leafnodes = 0;
};

struct AccountClaims {
    ClaimsHead head;
    std::vector<ImportClaim> imports;
    std::vector<ExportClaim> exports;
    AccountLimitClaims limits;
    std::vector<SigningKey> signing_keys;
    Revocations revocations;  // of users
    config::Permissions default_permissions;
    std::vector<config::SubjectMapping> mappings;
    bool has_auth_callout = false;  // a service decides who may enter

    const SigningKey* find_signing_key(std::string_view key) const;
};

struct ActivationClaims {
    ClaimsHead head;
    std::string issuer_account;
    std::string subject;
    std::string kind;  // "stream", "service"
};

// An operator signs this to delete accounts: a claim without a type.
struct DeletionClaims {
    ClaimsHead head;
    std::vector<std::string> accounts;
    bool has_accounts = false;  // a list of texts
};

// Token to claims: signature, kind and types of all fields are checked, nothing else.
// Threads: any. Errors: as decode_jwt(), then of the fields; "not <kind> claim".
// Source: nats-io/jwt v2.3, with its migration of version 1.
absl::StatusOr<OperatorClaims> decode_operator(std::string_view token);
absl::StatusOr<AccountClaims> decode_account(std::string_view token);
absl::StatusOr<UserClaims> decode_user(std::string_view token);
absl::StatusOr<ActivationClaims> decode_activation(std::string_view token);
absl::StatusOr<DeletionClaims> decode_deletion(std::string_view token);

}  // namespace nuring::auth

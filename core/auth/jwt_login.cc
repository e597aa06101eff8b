// SPDX-License-Identifier: Apache-2.0
#include "core/auth/jwt_login.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_join.h"
#include "core/auth/claims_check.h"
#include "core/auth/connection_types.h"
#include "core/auth/login_limits.h"
#include "core/auth/nkey.h"
#include "core/auth/permission_template.h"
#include "core/base/status.h"
#include "core/config/inactive.h"
#include "fmt/format.h"

namespace nuring::auth {
namespace {

JwtVerdict refuse(std::string reason, JwtOutcome outcome = JwtOutcome::kRefused) {
    return {.outcome = outcome, .reason = std::move(reason)};
}

// Empty: the user's key has signed the nonce.
std::string signature_fault(const UserClaims& user, const JwtLogin& login) {
    if (login.signature.empty()) return "Signature missing";
    std::string signature;
    if (!decode_signature(login.signature, &signature)) return "Signature not valid base64";
    NkeyError error = NkeyError::kNone;
    const auto key = decode_public_nkey(user.head.subject, NkeyKind::kUser, &error);
    if (!key.has_value()) return fmt::format("User nkey not valid: {}", to_text(error));
    if (!verify_signature(*key, login.nonce, signature)) return "Signature not verified";
    return {};
}

// The rights that count: the user's own, or those of the scoped key that signed it. Returns the fault; empty:
// none.
std::string settle_rights(const TrustedAccount& account, bool strict, const UserClaims& user,
                          UserRights* rights) {
    const AccountClaims& claims = account.claims;
    const SigningKey* signer = claims.find_signing_key(user.head.issuer);
    const bool own_key = user.head.issuer == claims.head.subject;
    if (signer == nullptr && (!own_key || strict)) return "User JWT issuer is not known";
    *rights = user.rights;
    if (signer == nullptr || !signer->scope.has_value()) return {};
    if (!(user.rights == UserRights())) {
        return "User JWT is not valid: scoped users require no permissions or limits set";
    }
    *rights = *signer->scope;
    auto filled = fill_template(rights->permissions, user, claims);
    if (!filled.has_value()) return "User JWT generated invalid permissions";
    rights->permissions = *std::move(filled);
    return {};
}

// Settles the rights, and checks that they allow this connection. Empty: they do.
std::string rights_fault(const Trust& trust, const TrustedAccount& account, const UserClaims& user,
                         const JwtLogin& login, UserRights* rights) {
    const bool strict = trust.is_strict(account.claims.head.issuer);
    if (std::string fault = settle_rights(account, strict, user, rights); !fault.empty())
        return fault;
    if (!allows_connection(rights->connection_types, login.type))
        return "Connection type not allowed";
    if (rights->proxy_required && !config::is_active(config::Part::kProxyRequired)) {
        return config::inactive_text(config::Part::kProxyRequired);
    }
    if (rights->bearer_token && account.claims.limits.disallow_bearer) {
        return "Account does not allow bearer token";
    }
    return rights->bearer_token ? std::string() : signature_fault(user, login);
}

JwtVerdict refuse_as_error(std::string reason, JwtOutcome outcome = JwtOutcome::kRefused) {
    JwtVerdict verdict = refuse(std::move(reason), outcome);
    verdict.is_error = true;
    return verdict;
}

// The earliest of the ends that are set; 0: none is.
int64_t earliest(std::initializer_list<int64_t> ends) {
    int64_t first = 0;
    for (const int64_t end : ends) {
        if (end > 0 && (first == 0 || end < first)) first = end;
    }
    return first;
}

int64_t lower_limit(int64_t of_user, int64_t of_account) {
    const int64_t a = config::account_limit(of_user);
    const int64_t b = config::account_limit(of_account);
    if (a < 0) return b;
    return b < 0 ? a : std::min(a, b);
}

std::shared_ptr<const Identity> make_identity(const TrustedAccount& account, const UserClaims& user,
                                              const UserRights& rights, int64_t times_end_s) {
    const AccountClaims& claims = account.claims;
    const config::Permissions& permissions = rights.permissions == config::Permissions()
                                                 ? claims.default_permissions
                                                 : rights.permissions;
    Identity identity{.name = user.head.subject, .is_nkey = true, .account = claims.head.subject};
    if (!(permissions == config::Permissions())) {
        identity.permissions = std::make_shared<const Permissions>(permissions);
    }
    identity.subscriptions_max =
        lower_limit(rights.limits.subscriptions, claims.limits.nats.subscriptions);
    identity.payload_max = lower_limit(rights.limits.payload, claims.limits.nats.payload);
    const int64_t account_end_s = claims.head.expires;
    identity.valid_until_s = earliest({user.head.expires, times_end_s, account_end_s});
    identity.ends_with_account = account_end_s != 0 && identity.valid_until_s == account_end_s &&
                                 user.head.expires != account_end_s;
    identity.name_tag = user.head.name;
    identity.issuer_key = user.head.issuer;
    identity.bearer_token = rights.bearer_token;
    identity.tags = user.head.tags;
    return std::make_shared<const Identity>(std::move(identity));
}

}  // namespace

JwtVerdict check_jwt_login(const Trust& trust, const JwtLogin& login) {
    if (login.token.empty() && login.sentinel.empty()) return refuse("Authentication requires a user JWT");
    auto user = decode_user(login.token);
    if (!user.ok() && !login.sentinel.empty()) user = decode_user(login.sentinel);
    if (!user.ok()) {
        return refuse(fmt::format("User JWT not valid: {}", base::message_of(user.status())));
    }
    const ClaimsHead& head = user->head;
    if (const Faults faults = faults_of(*user, login.now_s); !faults.empty()) {
        const bool expired = faults == Faults{"claim is expired"};
        return refuse(fmt::format("User JWT no longer valid: {}", absl::StrJoin(faults, ", ")),
                      expired ? JwtOutcome::kUserExpired : JwtOutcome::kRefused);
    }
    if (head.expires != 0 && head.expires <= login.now_s) {  // faults_of() admits the last second
        return refuse("User JWT no longer valid: claim is expired", JwtOutcome::kUserExpired);
    }
    const std::string& name = user->issuer_account.empty() ? head.issuer : user->issuer_account;
    if (!trust.admits(name)) {
        return refuse(fmt::format("Account {} not listed as operator pinned account", name));
    }
    const TrustedAccountPtr account = trust.find(name);
    if (account == nullptr || account->expired(login.now_s)) {
        JwtVerdict verdict = account == nullptr
                                 ? refuse("", JwtOutcome::kAccountUnknown)
                                 : refuse("Account JWT has expired", JwtOutcome::kAccountExpired);
        verdict.account = name;
        return verdict;
    }
    if (!trust.trusts(account->claims.head.issuer)) {
        return refuse("Account JWT not signed by trusted operator");
    }
    UserRights rights;
    if (std::string fault = rights_fault(trust, *account, *user, login, &rights); !fault.empty()) {
        return refuse(std::move(fault));
    }
    if (is_revoked(account->claims.revocations, head.subject, head.issued_at)) {
        return refuse("User authentication revoked", JwtOutcome::kRevoked);
    }
    if (!is_within(login.host, rights.sources)) {
        return refuse_as_error(fmt::format("Bad src Ip {}", login.host));
    }
    const AllowedTime allowed = allowed_time(rights, login.now_s);
    if (!allowed.now) {
        return refuse_as_error("Outside connect times", JwtOutcome::kUserExpired);
    }
    JwtVerdict verdict;
    verdict.outcome = JwtOutcome::kAccepted;
    verdict.account = name;
    verdict.identity = make_identity(*account, *user, rights, allowed.until_s);
    verdict.reason = fmt::format(
        "Authenticated JWT: Client \"{}\" (claim-name: \"{}\") signed with \"{}\" by Account \"{}\" "
        "(claim-name: \"{}\") signed with \"{}\"",
        head.subject, head.name, head.issuer, name, account->claims.head.name,
        account->claims.head.issuer);
    return verdict;
}

}  // namespace nuring::auth

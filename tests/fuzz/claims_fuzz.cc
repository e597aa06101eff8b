// SPDX-License-Identifier: Apache-2.0
// A letter for version and kind, then the inside of "nats", signed with a key of ours: what claims may
// hold is checked, converted and asked, whatever it is. (A tenant signs its users' claims itself.)
#include "core/auth/claims.h"

#include <string>

#include "core/auth/claims_check.h"
#include "core/auth/login_limits.h"
#include "core/auth/permission_template.h"
#include "core/auth/permissions.h"
#include "tests/fuzz/require.h"
#include "tests/unit/auth/tokens.h"

namespace {

using namespace nuring::auth;
using nuring::test::require;

constexpr int64_t kNow = 1'700'000'000;

void ask(const nuring::config::Permissions& permissions) {
    const Permissions compiled(permissions);
    for (const std::string_view subject : {"a", "a.b.c", "*", "a.>", ">"}) {
        (void)compiled.may_publish(subject);
        (void)compiled.may_subscribe(subject, "q");
        (void)compiled.must_filter(subject, "");
        (void)compiled.may_receive(subject, "q");
    }
}

void check_user(const std::string& token, const AccountClaims& account) {
    const auto user = decode_user(token);
    if (!user.ok()) return;
    (void)faults_of(*user, kNow);
    (void)is_within("127.0.0.1", user->rights.sources);
    (void)allowed_time(user->rights, kNow);
    ask(user->rights.permissions);
    if (const auto filled = fill_template(user->rights.permissions, *user, account)) ask(*filled);
}

void check_account(const std::string& token) {
    const auto account = decode_account(token);
    if (!account.ok()) return;
    (void)faults_of(*account, kNow);
    ask(account->default_permissions);
    for (const ImportClaim& each : account->imports) {
        const auto activation = decode_activation(each.token);
        if (activation.ok()) (void)is_activated(*account, each, *activation, *account, kNow);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    static const TestKey kAccount(NkeyKind::kAccount, 1);
    static const TestKey kOperator(NkeyKind::kOperator, 2);
    static const TestKey kUser(NkeyKind::kUser, 3);
    if (size == 0) return 0;
    const std::string nats(nuring::test::view_of(bytes + 1, size - 1));
    const auto token = [&nats](const TestKey& issuer, const TestKey& subject, std::string_view kind) {
        return make_token(issuer, subject.text, kind, nats, R"(,"tags":["t:a","t:b"],"name":"n")");
    };
    AccountClaims account;
    account.head.name = "acme";
    switch (bytes[0] % 4) {
        case 0: check_user(token(kAccount, kUser, "user"), account); break;
        case 1: check_account(token(kOperator, kAccount, "account")); break;
        case 2: (void)decode_activation(token(kAccount, kAccount, "activation")); break;
        case 3:
            if (const auto claims = decode_operator(token(kOperator, kOperator, "operator"));
                claims.ok()) {
                (void)faults_of(*claims, kNow);
            }
            break;
    }
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
#include "core/auth/authenticator.h"

#include <algorithm>
#include <utility>

#include "core/auth/connection_types.h"
#include "core/auth/password.h"
#include "core/base/status.h"

namespace nuring::auth {
namespace {

std::shared_ptr<const Permissions> compiled(const std::optional<config::Permissions>& permissions) {
    if (!permissions.has_value()) return nullptr;
    return std::make_shared<const Permissions>(*permissions);
}

std::string hash_in(const std::string& password) { return is_bcrypt(password) ? password : ""; }

// A user without a password, named by a certificate at one of the ports. The name alone is no login at any
// other port. Source: canTLSMap in server/auth.go 2.15.3.
bool is_certificate_user(const config::Options& file, const config::User& user) {
    if (!user.password.empty()) return false;
    const auto maps = [&user](const std::optional<config::TlsOptions>& tls, ConnectionType type) {
        return tls.has_value() && tls->map && allows_connection(user.connection_types, type);
    };
    const config::LeafnodeOptions& leafnodes = file.leafnodes;
    const bool has_own_users = !leafnodes.authorization.user.empty() ||
                               !leafnodes.authorization.nkey.empty() || !leafnodes.users.empty();
    return maps(file.tls, ConnectionType::kStandard) ||
           (file.websocket.port != 0 && maps(file.websocket.tls, ConnectionType::kWebsocket)) ||
           (leafnodes.port != 0 && !has_own_users &&
            (maps(leafnodes.tls, ConnectionType::kLeafnode) ||
             maps(leafnodes.tls, ConnectionType::kLeafnodeWebsocket)));
}

}  // namespace

Authenticator::Authenticator(const config::Options& options, std::shared_ptr<Trust> trust,
                             ConnectionType type, const config::Options* file)
    : trust_(std::move(trust)),
      default_sentinel_(options.trust.default_sentinel),
      everyone_(std::make_shared<const Identity>()) {
    const config::AuthorizationOptions& auth = options.authorization;
    for (const config::User& user : auth.users) {
        if (!allows_connection(user.connection_types, type)) continue;
        users_[user.name] = {.password = user.password,
                             .identity = std::make_shared<const Identity>(
                                 Identity{.name = user.name,
                                          .account = user.account,
                                          .hash = hash_in(user.password),
                                          .permissions = compiled(user.permissions)}),
                             .needs_certificate =
                                 user.name != options.no_auth_user &&
                                 is_certificate_user(file == nullptr ? options : *file, user)};
    }
    for (const config::NkeyUser& user : auth.nkeys) {
        if (!allows_connection(user.connection_types, type)) continue;
        const auto key = decode_public_nkey(user.nkey, NkeyKind::kUser);
        if (!key.has_value()) continue;  // refused when the configuration was read
        nkeys_[user.nkey] = {.key = *key,
                             .identity = std::make_shared<const Identity>(
                                 Identity{.name = user.nkey,
                                          .is_nkey = true,
                                          .account = user.account,
                                          .permissions = compiled(user.permissions)})};
    }
    if (!auth.user.empty()) {
        single_ = {.password = auth.password,
                   .identity = std::make_shared<const Identity>(
                       Identity{.name = auth.user, .hash = hash_in(auth.password)})};
    }
    if (!auth.token.empty()) {
        token_ = {.password = auth.token,
                  .identity = std::make_shared<const Identity>(Identity{.hash = hash_in(auth.token)})};
    }
    only_system_account_ = trust_ == nullptr && options.has_only_system_account();
    required_ = trust_ != nullptr || !auth.users.empty() || !auth.nkeys.empty() ||
                single_.identity != nullptr || token_.identity != nullptr || only_system_account_;
    maps_certificates_ = options.tls.has_value() && options.tls->map && !users_.empty();
    if (maps_certificates_) {
        for (const auto& [name, known] : users_) certificate_users_.add(name);
        return;  // the certificate names the user: nobody is anonymous
    }
    if (only_system_account_) anonymous_ = everyone_;
    if (const auto found = users_.find(options.no_auth_user); found != users_.end()) {
        anonymous_ = found->second.identity;
    } else if (const auto key = nkeys_.find(options.no_auth_user); key != nkeys_.end()) {
        anonymous_ = key->second.identity;
    }
}

Decision Authenticator::compare(const std::string& stored, std::string_view given,
                                const std::shared_ptr<const Identity>& identity) {
    if (is_bcrypt(stored)) {
        return {.verdict = Verdict::kHashed,
                .identity = identity,
                .stored = stored,
                .given = std::string(given)};
    }
    if (!equal_plain(stored, given)) return {};
    return {.verdict = Verdict::kAccepted, .identity = identity, .stored = {}, .given = {}};
}

// A user with a password needs the certificate and the password.
Decision Authenticator::decide_by_certificate(const Credentials& shown) const {
    Decision decision;
    if (shown.certificate == nullptr) {
        decision.remark = "User required in cert, no peer certificates found";
        return decision;
    }
    CertificateUsers::Found match = certificate_users_.find(*shown.certificate);
    if (!match.user.empty()) {
        const Known& known = users_.find(match.user)->second;
        decision = compare(known.password, shown.password, known.identity);
    }
    decision.remark = std::move(match.remark);
    return decision;
}

Decision Authenticator::decide(const Credentials& shown) const {
    const auto accept = [](const std::shared_ptr<const Identity>& identity) {
        return Decision{.verdict = Verdict::kAccepted, .identity = identity, .stored = {}, .given = {}};
    };
    if (!required_) return accept(everyone_);
    if (trust_ != nullptr) return {.verdict = Verdict::kJwt};
    const bool shows_nkey = !nkeys_.empty() && !shown.nkey.empty();  // without nkey users it is ignored
    const bool shows_nothing =
        shown.user.empty() && shown.password.empty() && shown.token.empty() && !shows_nkey;
    if (shows_nothing && anonymous_ != nullptr) return accept(anonymous_);
    if (shows_nkey) {
        const auto found = nkeys_.find(base::absl_view(shown.nkey));
        if (found == nkeys_.end()) return {};
        if (!verify_nonce(found->second.key, shown.nonce, shown.signature)) return {};
        return accept(found->second.identity);
    }
    if (maps_certificates_) return decide_by_certificate(shown);
    if (!users_.empty() && !shown.user.empty()) {
        const auto found = users_.find(base::absl_view(shown.user));
        if (found == users_.end() || found->second.needs_certificate) return {};
        return compare(found->second.password, shown.password, found->second.identity);
    }
    if (token_.identity != nullptr) return compare(token_.password, shown.token, token_.identity);
    if (single_.identity != nullptr) {
        if (!equal_plain(single_.identity->name, shown.user)) return {};
        return compare(single_.password, shown.password, single_.identity);
    }
    return {};
}

}  // namespace nuring::auth

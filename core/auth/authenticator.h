// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/auth/certificate_users.h"
#include "core/auth/connection_types.h"
#include "core/auth/nkey.h"
#include "core/auth/permissions.h"
#include "core/config/options.h"

namespace nuring::auth {

class Trust;

// The rights of a connection after its login.
struct Identity {
    std::string name;     // user or nkey, as in log lines; empty: nobody in particular
    bool is_nkey = false;
    std::string account;  // empty: $G
    std::string hash;     // of the password that it showed, where that is hashed
    std::shared_ptr<const Permissions> permissions;  // null: everything

    // Of operator mode.
    int64_t subscriptions_max = config::kUnlimited;  // of one connection
    int64_t payload_max = config::kUnlimited;        // bytes
    int64_t valid_until_s = 0;                       // Unix seconds; 0: for ever
    bool ends_with_account = false;                  // that time is the account's
    std::string name_tag;                            // the user's name in its token
    std::string issuer_key;
    bool bearer_token = false;  // its token alone is enough for a login
    std::vector<std::string> tags;
};

// The credentials of a client. Views into its CONNECT.
struct Credentials {
    std::string_view user;
    std::string_view password;
    std::string_view token;
    std::string_view nkey;
    std::string_view signature;
    std::string_view nonce;  // that this connection was given
    const base::CertificateNames* certificate = nullptr;  // null: none; asked if maps_certificates()
};

enum class Verdict {
    kAccepted,
    kRefused,
    kJwt,     // operator mode: to be asked of check_jwt_login(), on a jobs thread
    kHashed,  // depends on matches_bcrypt(stored, given), to be asked on a jobs thread
};

struct Decision {
    Verdict verdict = Verdict::kRefused;
    std::shared_ptr<const Identity> identity;  // kAccepted; kHashed: if the password is right
    std::string stored;                        // kHashed
    std::string given;                         // kHashed
    std::string remark = {};                   // for the debug log; mostly empty
};

// Authenticator is the table of those who may enter, made from one Options. Immutable: a reload makes
// another one.
// Threads: any. Errors: a refusal says no reason, to nobody.
// Source: server/auth.go, isClientAuthorized 2.0.0-RC19; no_auth_user as in 2.9.10, of nkeys as in 2.15.2.
class Authenticator {
  public:
    // `trust` makes it operator mode: a user token is required, and nothing else counts.
    // Only users who may come in this way are among its table. `file`: as configured, where `options` are
    // those of another port.
    explicit Authenticator(const config::Options& options, std::shared_ptr<Trust> trust = nullptr,
                           ConnectionType type = ConnectionType::kStandard,
                           const config::Options* file = nullptr);

    // Does CONNECT decide who a client is? Until then it may say nothing else, and its time is limited.
    bool required() const { return required_; }
    // Must a client show credentials? (INFO auth_required: false where none are needed.)
    bool asks_for_credentials() const {
        return required_ && (anonymous_ == nullptr || only_system_account_);
    }
    bool wants_nonce() const { return !nkeys_.empty() || trust_ != nullptr; }
    bool has_nkeys() const { return !nkeys_.empty(); }
    bool has_users() const { return !users_.empty(); }
    // The client's certificate says who it is, not what it writes into CONNECT (verify_and_map).
    bool maps_certificates() const { return maps_certificates_; }
    // The identity of a client without credentials (no_auth_user, or as above); null: it may not enter.
    const std::shared_ptr<const Identity>& anonymous() const { return anonymous_; }

    Decision decide(const Credentials& credentials) const;
    // Null: not operator mode.
    const std::shared_ptr<Trust>& trust() const { return trust_; }
    // The token of clients that show none in operator mode; empty: they are refused.
    const std::string& default_sentinel() const { return default_sentinel_; }

  private:
    struct Known {
        std::string password;
        std::shared_ptr<const Identity> identity;
        bool needs_certificate = false;  // its name alone opens nothing
    };
    struct KnownKey {
        PublicKey key;
        std::shared_ptr<const Identity> identity;
    };

    Decision decide_by_certificate(const Credentials& shown) const;
    static Decision compare(const std::string& stored, std::string_view given,
                            const std::shared_ptr<const Identity>& identity);

    const std::shared_ptr<Trust> trust_;
    const std::string default_sentinel_;
    bool required_ = false;
    absl::flat_hash_map<std::string, Known> users_;
    absl::flat_hash_map<std::string, KnownKey> nkeys_;
    CertificateUsers certificate_users_;
    bool maps_certificates_ = false;
    // The file has no account but the system's: all others are the default account's, without credentials,
    // though INFO asks for some.
    bool only_system_account_ = false;
    Known single_;  // identity null: none
    Known token_;
    std::shared_ptr<const Identity> anonymous_;
    std::shared_ptr<const Identity> everyone_;
};

}  // namespace nuring::auth

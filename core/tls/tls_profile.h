// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/tls/openssl_handles.h"

namespace nuring::tls {

enum class Role : uint8_t { kServer, kClient };

// Whether the peer has to have a certificate; one that is shown is verified, but for kNone.
enum class PeerCheck : uint8_t { kNone, kIfGiven, kRequired };

// The source of a profile: file names and policy.
struct ProfileSettings {
    Role role = Role::kServer;
    std::string cert_file;  // PEM: the certificate, then its intermediates; a server without one
                            // fails every handshake
    std::string key_file;   // PEM, not encrypted
    std::string ca_file;    // PEM: who may have signed the peer's certificate; empty: the system's roots
    PeerCheck peer_check = PeerCheck::kNone;
    std::string min_version;   // "1.3"; anything else: 1.2
    std::vector<std::string> cipher_suites;  // in order, IANA's names; empty: OpenSSL's. Of those of
                                             // TLS 1.3 all are in use; if only such are named, 1.2 is off
    std::vector<std::string> curves;         // X25519, CurveP256, CurveP384, CurveP521; empty: OpenSSL's
};

// Profile is one set of certificates and rules, from which the engines of many connections are made.
// Immutable: a reload makes another one, and connections that stand keep theirs.
//
// Versions: 1.2 and 1.3. The server's order of suites counts, but for a client that puts ChaCha20 first
// because it has no AES in hardware. Renegotiation and compression are off, as in the reference. A
// session ticket per handshake lets a client come back without certificates or signatures; the ticket
// keys are the profile's own, so that a reload ends what was verified under the old rules.
//
// Threads: create() on the control thread, since it reads files; all else on any thread.
// Errors:  a Status with the reference's text. Suites that this OpenSSL was built without are left out
//          (unavailable_suites()); if none is left, that is an error.
// Source:  server/opts.go, GenTLSConfig 2.0.0-RC19; crypto/tls of Go 1.19 for the texts about key pairs.
class Profile {
  public:
    static absl::StatusOr<std::shared_ptr<const Profile>> create(const ProfileSettings& settings);

    Role role() const { return role_; }
    // SHA-256 of all settings and of all that the files held: equal if nothing changed.
    const std::string& fingerprint() const { return fingerprint_; }
    const std::vector<std::string>& unavailable_suites() const { return unavailable_suites_; }
    // When the certificate ends, in seconds since 1970; 0: there is none.
    int64_t certificate_end_s() const { return certificate_end_s_; }
    SSL_CTX* native() const { return native_.get(); }

  private:
    Profile() = default;

    Role role_ = Role::kServer;
    SslCtxHandle native_;
    std::string fingerprint_;
    int64_t certificate_end_s_ = 0;
    std::vector<std::string> unavailable_suites_;
};

inline int64_t certificate_end_s(const Profile* profile) {
    return profile == nullptr ? 0 : profile->certificate_end_s();
}

}  // namespace nuring::tls

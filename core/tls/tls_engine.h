// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/certificate_names.h"
#include "core/tls/openssl_handles.h"
#include "core/tls/tls_profile.h"
#include "core/tls/tls_peer.h"

namespace nuring::tls {

// The receiver of the bytes to send; they are valid during the call.
struct Output {
    void (*append)(void* state, const char* bytes, size_t size) = nullptr;
    void* state = nullptr;
};

enum class HandshakeStatus : uint8_t { kNeedsInput, kDone, kFailed };
enum class ReadStatus : uint8_t {
    kNeedsInput,  // all that was received is used up
    kFull,        // there may be more
    kClosed,      // the peer said that it is done
    kFailed,
};

// Engine is the TLS of one connection, of either end of it: it turns bytes received into plaintext and
// plaintext into bytes to be sent, and knows no socket. A client's first handshake() takes no bytes.
//
//   received --> handshake(), read() --> plaintext
//   Output   <-- write(), close_notify(), and what the protocol itself has to say
//
// OpenSSL works on the caller's memory through a BIO of ours: no buffer stands between the two.
// An idle engine holds its keys and the session, no record buffer (SSL_MODE_RELEASE_BUFFERS).
//
// Threads: one at a time; it may move between calls (handshakes are jobs).
// Limits:  records of up to 16 KiB; OpenSSL bounds what a handshake may take.
// Errors:  kFailed, and error() says why; an alert for the peer is in the output. Then it is only
//          good for being destroyed.
// Randomness comes from OpenSSL, not from the ring: a simulated run with TLS would not replay.
class Engine {
  public:
    // server_name: whom a client wants to meet, a host name or an address without brackets. A name is
    // sent (SNI) even where nothing is verified. Empty: whoever has a good certificate will do.
    static std::unique_ptr<Engine> create(std::shared_ptr<const Profile> profile,
                                          const std::string& server_name = "");
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    // Goes on with the handshake; takes from the front of `received` what it uses.
    HandshakeStatus handshake(std::string_view* received, Output output);
    // Decrypts into `plaintext`, `size` bytes of it; takes from the front of `received`.
    ReadStatus read(std::string_view* received, std::span<char> plaintext, size_t* size,
                    Output output);
    // Encrypts in records of up to 16 KiB. After the handshake. False: it failed.
    bool write(std::string_view plaintext, Output output);
    // Nothing will be written any more.
    void close_notify(Output output);

    const std::string& error() const { return error_; }

    // After the handshake:
    std::string_view version() const;       // "1.3"
    std::string_view cipher_suite() const;  // IANA's name
    std::string_view requested_name() const;  // as server: the host name that the client wants (SNI)
    bool has_peer_certificate() const { return peer() != nullptr; }
    // The peer's leaf certificate, and then what it sent with it. Empty: it has none.
    std::vector<PeerCertificate> peer_certificates() const;
    base::CertificateNames peer_names() const;
    std::string peer_key_digest() const;

  private:
    explicit Engine(std::shared_ptr<const Profile> profile) : profile_(std::move(profile)) {}
    X509* peer() const { return SSL_get0_peer_certificate(ssl_.get()); }
    void expect_server(const std::string& name);
    void fail();
    static int on_verified(int good, X509_STORE_CTX* store);
    static const BIO_METHOD* bridge_method();
    static int bridge_read(BIO* bio, char* out, int size);
    static int bridge_write(BIO* bio, const char* bytes, int size);
    static long bridge_control(BIO* bio, int command, long number, void* pointer);  // NOLINT

    const std::shared_ptr<const Profile> profile_;
    SslHandle ssl_;
    std::string_view* received_ = nullptr;  // during a call
    Output output_;                         // during a call
    std::string server_name_;
    std::string refusal_;  // why the peer's certificate was refused
    std::string error_;
};

}  // namespace nuring::tls

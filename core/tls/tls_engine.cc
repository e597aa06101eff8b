// SPDX-License-Identifier: Apache-2.0
#include "core/tls/tls_engine.h"

#include <openssl/err.h>

#include <algorithm>
#include <cassert>
#include <cstring>

#include "core/tls/tls_error.h"
#include "core/tls/verify_error.h"

namespace nuring::tls {

// ------------------------------------------------------------------- OpenSSL's view of our memory

int Engine::bridge_read(BIO* bio, char* out, int size) {
    auto& engine = *static_cast<Engine*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    std::string_view* received = engine.received_;
    if (received == nullptr || received->empty()) {
        BIO_set_retry_read(bio);
        return -1;
    }
    const size_t taken = std::min(received->size(), static_cast<size_t>(size));
    std::memcpy(out, received->data(), taken);
    received->remove_prefix(taken);
    return static_cast<int>(taken);
}

int Engine::bridge_write(BIO* bio, const char* bytes, int size) {
    const Output& output = static_cast<Engine*>(BIO_get_data(bio))->output_;
    BIO_clear_retry_flags(bio);
    if (output.append != nullptr) output.append(output.state, bytes, static_cast<size_t>(size));
    return size;
}

long Engine::bridge_control(BIO*, int command, long, void*) {  // NOLINT(google-runtime-int)
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

// Made once, never freed: connections may be in flight when the process ends.
const BIO_METHOD* Engine::bridge_method() {
    static const BIO_METHOD* const method = [] {
        BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "nuring");
        BIO_meth_set_read(made, &Engine::bridge_read);
        BIO_meth_set_write(made, &Engine::bridge_write);
        BIO_meth_set_ctrl(made, &Engine::bridge_control);
        return made;
    }();
    return method;
}

// ---------------------------------------------------------------------------------------- engine

std::unique_ptr<Engine> Engine::create(std::shared_ptr<const Profile> profile,
                                       const std::string& server_name) {
    std::unique_ptr<Engine> engine(new Engine(std::move(profile)));
    engine->ssl_.reset(SSL_new(engine->profile_->native()));
    SSL* ssl = engine->ssl_.get();
    assert(ssl != nullptr);  // it fails for want of memory only
    BIO* bio = BIO_new(bridge_method());
    assert(bio != nullptr);
    BIO_set_data(bio, engine.get());
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_app_data(ssl, engine.get());
    SSL_set_verify(ssl, SSL_get_verify_mode(ssl), &Engine::on_verified);
    if (engine->profile_->role() == Role::kServer) {
        SSL_set_accept_state(ssl);
    } else {
        SSL_set_connect_state(ssl);
        if (!server_name.empty()) engine->expect_server(server_name);
    }
    return engine;
}

// An address and a host name are checked against different entries of the certificate. As in Go, the
// common name is none of them, and an asterisk stands for a whole label.
void Engine::expect_server(const std::string& name) {
    server_name_ = name;
    X509_VERIFY_PARAM* parameters = SSL_get0_param(ssl_.get());
    if (X509_VERIFY_PARAM_set1_ip_asc(parameters, name.c_str()) == 1) return;
    ERR_clear_error();
    X509_VERIFY_PARAM_set_hostflags(
        parameters, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    X509_VERIFY_PARAM_set1_host(parameters, name.c_str(), name.size());
    SSL_set_tlsext_host_name(ssl_.get(), name.c_str());
}

// OpenSSL asks at each certificate of the chain. The text is made here because it forgets the
// certificate that it refuses.
int Engine::on_verified(int good, X509_STORE_CTX* store) {
    if (good == 1) return 1;
    const auto* ssl = static_cast<const SSL*>(
        X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto& engine = *static_cast<Engine*>(SSL_get_app_data(ssl));
    engine.refusal_ = verify_error(store, engine.server_name_);
    return 0;
}

// A refusal is no failure where nobody has to be verified. Go 1.19 says that it has verified only as
// server.
void Engine::fail() {
    const auto reason = ERR_GET_REASON(ERR_peek_error());
    error_ = take_error();
    if (reason != SSL_R_CERTIFICATE_VERIFY_FAILED || refusal_.empty()) return;
    error_ = profile_->role() == Role::kServer
                 ? "tls: failed to verify client certificate: " + refusal_
                 : refusal_;
}

// The error queue belongs to the thread, and what another connection left there must not count.
HandshakeStatus Engine::handshake(std::string_view* received, Output output) {
    ERR_clear_error();
    received_ = received;
    output_ = output;
    const int result = SSL_do_handshake(ssl_.get());
    received_ = nullptr;
    output_ = {};
    if (result == 1) return HandshakeStatus::kDone;
    if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ) return HandshakeStatus::kNeedsInput;
    fail();
    return HandshakeStatus::kFailed;
}

ReadStatus Engine::read(std::string_view* received, std::span<char> plaintext, size_t* size,
                        Output output) {
    ERR_clear_error();
    received_ = received;
    output_ = output;
    *size = 0;
    int result = 1;
    while (*size < plaintext.size()) {
        size_t taken = 0;
        result = SSL_read_ex(ssl_.get(), plaintext.data() + *size, plaintext.size() - *size, &taken);
        if (result != 1) break;
        *size += taken;
    }
    received_ = nullptr;
    output_ = {};
    if (result == 1) return ReadStatus::kFull;
    switch (SSL_get_error(ssl_.get(), result)) {
        case SSL_ERROR_WANT_READ: return ReadStatus::kNeedsInput;
        case SSL_ERROR_ZERO_RETURN: return ReadStatus::kClosed;
        default: fail(); return ReadStatus::kFailed;
    }
}

bool Engine::write(std::string_view plaintext, Output output) {
    ERR_clear_error();
    output_ = output;
    size_t written = 0;
    const int result = SSL_write_ex(ssl_.get(), plaintext.data(), plaintext.size(), &written);
    output_ = {};
    if (result == 1) return true;
    fail();
    return false;
}

void Engine::close_notify(Output output) {
    ERR_clear_error();
    output_ = output;
    (void)SSL_shutdown(ssl_.get());
    output_ = {};
    ERR_clear_error();
}

std::string_view Engine::version() const {
    return SSL_version(ssl_.get()) == TLS1_3_VERSION ? "1.3" : "1.2";
}

std::string_view Engine::cipher_suite() const {
    const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl_.get());
    return cipher == nullptr ? "" : SSL_CIPHER_standard_name(cipher);
}

std::string_view Engine::requested_name() const {
    const char* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
    return name == nullptr ? "" : name;
}

std::vector<PeerCertificate> Engine::peer_certificates() const {
    std::vector<PeerCertificate> all;
    if (peer() == nullptr) return all;
    all.push_back(describe(peer()));
    // A client sees the leaf in the chain as well, a server does not.
    const STACK_OF(X509)* chain = SSL_get_peer_cert_chain(ssl_.get());
    const int first = profile_->role() == Role::kServer ? 0 : 1;
    for (int i = first; i < sk_X509_num(chain); ++i) all.push_back(describe(sk_X509_value(chain, i)));
    return all;
}

base::CertificateNames Engine::peer_names() const {
    return peer() == nullptr ? base::CertificateNames{} : names_of(peer());
}

std::string Engine::peer_key_digest() const {
    return peer() == nullptr ? std::string() : public_key_digest(peer());
}

}  // namespace nuring::tls

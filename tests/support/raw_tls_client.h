// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>

#include "core/tls/tls_profile.h"

namespace nuring::test {

// The client's half of a TLS connection: bytes in, bytes out. Errors: false, and the session is of no use.
class RawTlsClient {
  public:
    explicit RawTlsClient(const tls::Profile& profile)
        : ssl_(SSL_new(profile.native()), &SSL_free),
          incoming_(BIO_new(BIO_s_mem())),
          outgoing_(BIO_new(BIO_s_mem())) {
        SSL_set_connect_state(ssl_.get());
        SSL_set_bio(ssl_.get(), incoming_, outgoing_);
    }
    bool shake(std::string_view received) {
        feed(received);
        return SSL_do_handshake(ssl_.get()) == 1;
    }
    bool ask_for_new_keys() {
        return SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_REQUESTED) == 1 &&
               SSL_do_handshake(ssl_.get()) == 1;
    }
    bool say(std::string_view bytes) {
        return SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) > 0;
    }
    // Nothing follows.
    void notify_end() { (void)SSL_shutdown(ssl_.get()); }
    std::string take_outgoing() {
        char* bytes = nullptr;
        const long size = BIO_get_mem_data(outgoing_, &bytes);
        std::string text(bytes, static_cast<size_t>(size));
        (void)BIO_reset(outgoing_);
        return text;
    }

  private:
    void feed(std::string_view bytes) {
        if (!bytes.empty()) BIO_write(incoming_, bytes.data(), static_cast<int>(bytes.size()));
    }
    std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
    BIO* incoming_;  // the session's
    BIO* outgoing_;  // the session's
};

}  // namespace nuring::test

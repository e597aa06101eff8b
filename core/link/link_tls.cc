// SPDX-License-Identifier: Apache-2.0
// Link, TLS: the part that kinds of links use.
#include <algorithm>
#include <cassert>
#include <string>
#include <utility>

#include "core/link/link.h"
#include "core/link/link_host.h"
#include "core/link/tls_channel.h"

namespace nuring::link {

const tls::Engine* Link::tls_engine() const {
    return tls_ == nullptr ? nullptr : tls_->engine();
}

bool Link::handshaking() const {
    return channel_ != nullptr && channel_->handshaking();
}

void Link::stand_on_tls(std::unique_ptr<TlsChannel> channel) {
    assert(channel_ == nullptr);
    tls_ = channel.get();
    channel_ = std::move(channel);
}

// Of a connection that was handed over: the handshake is done.
void Link::go_on_with_tls(std::unique_ptr<tls::Engine> engine) {
    stand_on_tls(std::make_unique<TlsChannel>(*this, std::move(engine)));
    tls_->skip_handshake();
}

void Link::start_tls(std::shared_ptr<const tls::Profile> profile, bool optional) {
    stand_on_tls(std::make_unique<TlsChannel>(*this, std::move(profile)));
    if (!optional) tls_->begin_handshake();
}

void Link::start_tls_client(std::shared_ptr<const tls::Profile> profile,
                            const std::string& server_name) {
    stand_on_tls(
        std::make_unique<TlsChannel>(*this, tls::Engine::create(std::move(profile), server_name)));
    tls_->begin_handshake();
    if (state_ != State::kOpen) return;
    pause(PauseReason::kChannel);  // until the first step is done: there is nothing to read before
    tls_->take_first_step();
}

void Link::await_hello(std::shared_ptr<const tls::Profile> profile) {
    stand_on_tls(std::make_unique<TlsChannel>(*this, std::move(profile)));
    tls_->await_hello();
}

bool Link::awaits_hello() const {
    return tls_ != nullptr && tls_->awaits_hello();
}

void Link::end_hello_wait(bool optional) {
    tls_->end_hello_wait(optional);
}

// The channel goes, with the first bytes, which are clear text.
void Link::drop_tls(char* bytes, size_t size) {
    const std::unique_ptr<Channel> gone = std::move(channel_);
    tls_ = nullptr;
    channel_ = std::move(gone->above_);
    if (channel_ != nullptr) return channel_->receive(bytes, size);
    take(bytes, size);
}

// Source: server/client.go, matchesPinnedCert 2.9.10.
bool Link::has_pinned_certificate(const std::vector<std::string>& pins) const {
    if (pins.empty()) return true;
    if (tls_engine() == nullptr || !tls_engine()->has_peer_certificate()) {
        host_.log.debug("{} - Failed pinned cert test as client did not provide a certificate",
                        label());
        return false;
    }
    const std::string key = tls_engine()->peer_key_digest();
    if (std::find(pins.begin(), pins.end(), key) != pins.end()) return true;
    host_.log.debug("{} - Failed pinned cert test for key id: {}", label(), key);
    return false;
}

void Link::fail_handshake(std::string_view error) {
    host_.count_handshake(/*succeeded=*/false);
    on_handshake_failed(error);
    close(CloseReason::kTlsHandshakeFailure);
}

}  // namespace nuring::link

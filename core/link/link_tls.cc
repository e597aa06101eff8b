// SPDX-License-Identifier: Apache-2.0
// Link, TLS: the handshake on the jobs threads, from either end; ciphertext in, ciphertext out.
#include <algorithm>
#include <array>
#include <cassert>
#include <string>
#include <utility>

#include "core/link/link.h"
#include "core/link/tls_channel.h"
#include "core/link/worker_links.h"

namespace nuring::link {
namespace {

constexpr char kHandshakeRecord = 0x16;  // the first byte of every client that speaks TLS

constexpr size_t kRecordHeaderSize = 5;
constexpr size_t kRecordSizeMax = 16 * 1024 + 2048;  // RFC 5246; 1.3 allows less
constexpr unsigned char kRecordTypeMin = 20;
constexpr unsigned char kRecordTypeMax = 23;

tls::Output to_wire(TlsChannel& channel) {
    return {.append =
                [](void* wire, const char* bytes, size_t size) {
                    static_cast<Outbound*>(wire)->append({bytes, size});
                },
            .state = &channel.wire};
}

}  // namespace

size_t whole_records_size(std::string_view received) {
    size_t size = 0;
    while (received.size() - size >= kRecordHeaderSize) {
        const auto* header = reinterpret_cast<const unsigned char*>(received.data()) + size;
        const size_t length = size_t{header[3]} * 256 + header[4];
        const bool known = header[0] >= kRecordTypeMin && header[0] <= kRecordTypeMax;
        if (!known || length > kRecordSizeMax) return received.size();
        if (received.size() - size - kRecordHeaderSize < length) break;
        size += kRecordHeaderSize + length;
    }
    return size;
}

// A step of the handshake costs from 0.15 to 3.4 ms of processor time (docs/benchmarks.md), part of which
// the peer chooses by its curve, and cannot be divided; the worker's other connections must not wait
// for it longer than 1 ms. So every step is a job, and there is no budget of handshakes per turn.
class Link::HandshakeJob final : public runtime::Job {
  public:
    HandshakeJob(Link& link, std::string input)
        : links_(link.links_),
          handle_(link.handle()),
          engine_(std::move(link.tls_->engine)),
          abandoned_(link.tls_->abandoned),
          input_(std::move(input)) {}

    // relaxed: a wrong answer costs a step for nothing, or is put right by run()
    void work() override {
        if (abandoned_->load(std::memory_order_relaxed)) return;
        rest_ = input_;
        status_ = engine_->handshake(
            &rest_, {.append =
                         [](void* output, const char* bytes, size_t size) {
                             static_cast<std::string*>(output)->append(bytes, size);
                         },
                     .state = &output_});
    }
    void run() override {
        Link* link = links_.table.find(handle_);
        if (link != nullptr && link->open()) link->on_handshake_step(*this);
    }

  private:
    friend class Link;

    WorkerLinks& links_;
    const base::LinkHandle handle_;
    std::unique_ptr<tls::Engine> engine_;
    const std::shared_ptr<const std::atomic<bool>> abandoned_;
    const std::string input_;
    std::string_view rest_;  // of the input: what came after the handshake
    std::string output_;
    tls::HandshakeStatus status_ = tls::HandshakeStatus::kNeedsInput;
};

const tls::Engine* Link::tls_engine() const {
    if (tls_ == nullptr || tls_->phase < TlsChannel::Phase::kOpen) return nullptr;
    return tls_->engine.get();
}

bool Link::handshaking() const {
    return tls_ != nullptr && tls_->phase == TlsChannel::Phase::kHandshake;
}

// ------------------------------------------------------------------------------- the handshake

void Link::start_tls(std::shared_ptr<const tls::Profile> profile, bool optional) {
    tls_ = std::make_unique<TlsChannel>(links_.slabs, std::move(profile));
    if (!optional) begin_handshake();
}

void Link::start_tls_client(std::shared_ptr<const tls::Profile> profile,
                            const std::string& server_name) {
    assert(!receive_.pending);
    tls_ = std::make_unique<TlsChannel>(links_.slabs, nullptr);
    tls_->engine = tls::Engine::create(std::move(profile), server_name);
    begin_handshake();
    if (state_ != State::kOpen) return;
    paused_ = true;  // until the first step is done: there is nothing to read before
    submit_handshake({});
}

void Link::await_hello(std::shared_ptr<const tls::Profile> profile) {
    tls_ = std::make_unique<TlsChannel>(links_.slabs, std::move(profile));
    tls_->hello_due = true;
}

bool Link::awaits_hello() const {
    return tls_ != nullptr && tls_->hello_due;
}

void Link::end_hello_wait(bool optional) {
    tls_->hello_due = false;
    if (!optional) begin_handshake();
}

// What was queued so far leaves in clear text: it is the wire's now, a send in flight included.
void Link::begin_handshake() {
    if (!on_handshake_begun()) return;
    tls_->phase = TlsChannel::Phase::kHandshake;
    tls_->wire.swap(outbound_);
}

void Link::receive_tls(char* bytes, size_t size) {
    TlsChannel& channel = *tls_;
    if (state_ == State::kOpen && channel.phase == TlsChannel::Phase::kUndecided) {
        if (*bytes == kHandshakeRecord || channel.hello_due) {
            end_hello_wait(/*optional=*/false);
        } else {
            tls_.reset();
            return take(bytes, size);
        }
    }
    if (state_ != State::kOpen) return discard(size);
    if (channel.phase == TlsChannel::Phase::kOpen) return decrypt({bytes, size});
    channel.received.append(bytes, size);
    if (!paused_ && advance_handshake()) pause();  // until the job is done, which bounds its input
}

// False: it takes more bytes.
bool Link::advance_handshake() {
    TlsChannel& channel = *tls_;
    const std::string_view received(channel.received.begin(), channel.received.size());
    const size_t size = whole_records_size(received);
    if (size == 0) return false;
    if (channel.engine == nullptr) channel.engine = tls::Engine::create(std::move(channel.profile));
    std::string input(received.substr(0, size));
    channel.received.erase_front(size);
    submit_handshake(std::move(input));
    return true;
}

void Link::submit_handshake(std::string input) {
    links_.handshakes.submit(links_.worker,
                             std::make_unique<HandshakeJob>(*this, std::move(input)));
}

void Link::on_handshake_step(HandshakeJob& job) {
    TlsChannel& channel = *tls_;
    channel.engine = std::move(job.engine_);
    if (!job.output_.empty()) {
        channel.wire.append(job.output_);
        mark_dirty();
    }
    switch (job.status_) {
        case tls::HandshakeStatus::kFailed: return fail_handshake(channel.engine->error());
        case tls::HandshakeStatus::kNeedsInput:
            if (!advance_handshake()) resume();
            return;
        case tls::HandshakeStatus::kDone: break;
    }
    channel.phase = TlsChannel::Phase::kOpen;
    ++links_.counters.tls_handshakes;
    on_handshake_done();
    if (state_ != State::kOpen) return;
    // Still paused: the plaintext waits with what is kept, and resume() takes it from there.
    if (!job.rest_.empty()) decrypt(job.rest_);
    ByteBuffer early;
    early.swap(channel.received);
    if (!early.empty() && state_ == State::kOpen) decrypt({early.begin(), early.size()});
    if (state_ == State::kOpen) resume();
}

// Source: server/client.go, matchesPinnedCert 2.9.10.
bool Link::has_pinned_certificate(const std::vector<std::string>& pins) const {
    if (pins.empty()) return true;
    if (!tls_engine()->has_peer_certificate()) {
        links_.log.debug("{} - Failed pinned cert test as client did not provide a certificate",
                         label());
        return false;
    }
    const std::string key = tls_engine()->peer_key_digest();
    if (std::find(pins.begin(), pins.end(), key) != pins.end()) return true;
    links_.log.debug("{} - Failed pinned cert test for key id: {}", label(), key);
    return false;
}

void Link::fail_handshake(std::string_view error) {
    ++links_.counters.tls_handshake_failures;
    on_handshake_failed(error);
    close(CloseReason::kTlsHandshakeFailure);
}

// ---------------------------------------------------------------------------------- bulk traffic

void Link::decrypt(std::string_view received) {
    TlsChannel& channel = *tls_;
    const std::span<char> room = links_.plaintext();
    for (;;) {
        size_t size = 0;
        const tls::ReadStatus status =
            channel.engine->read(&received, room, &size, to_wire(channel));
        if (!channel.wire.empty()) mark_dirty();
        // Alerts that answer refused renegotiations, and the like, of a peer that reads none of them.
        if (channel.wire.pending_bytes() > TlsChannel::kWireBytesMax) {
            links_.log.error("{} - TLS read error: too many records to answer", label());
            return close(CloseReason::kProtocolViolation);
        }
        if (size > 0) take(room.data(), size);
        if (state_ != State::kOpen || status == tls::ReadStatus::kNeedsInput) return;
        if (status == tls::ReadStatus::kFull) continue;
        const bool failed = status == tls::ReadStatus::kFailed;
        if (failed) links_.log.debug("{} - TLS read error: {}", label(), channel.engine->error());
        channel.end = failed ? CloseReason::kReadError : CloseReason::kClientClosed;
        if (!paused_) close(channel.end);
        return;
    }
}

// Makes ciphertext of what is pending, once all of the last batch has left; returns what to send.
Outbound& Link::encrypt() {
    TlsChannel& channel = *tls_;
    if (channel.phase == TlsChannel::Phase::kUndecided) return outbound_;
    if (channel.phase != TlsChannel::Phase::kOpen) return channel.wire;
    const tls::Output output = to_wire(channel);
    if (channel.encrypted_bytes == 0 && !outbound_.empty()) {
        std::array<iovec, TlsChannel::kEncryptBytesMax / runtime::SlabPool::kSmallBytes> parts;
        const unsigned count = outbound_.gather(parts);
        uint64_t done = 0;
        for (unsigned i = 0; i < count && done < TlsChannel::kEncryptBytesMax; ++i) {
            const size_t size =
                std::min<size_t>(parts[i].iov_len, TlsChannel::kEncryptBytesMax - done);
            const std::string_view part(static_cast<const char*>(parts[i].iov_base), size);
            if (!channel.engine->write(part, output)) return give_up_writing();
            done += size;
        }
        channel.encrypted_bytes = done;
    }
    if (state_ == State::kFlushing && outbound_.pending_bytes() == channel.encrypted_bytes) {
        channel.engine->close_notify(output);
        channel.phase = TlsChannel::Phase::kEnded;
    }
    return channel.wire;
}

// Only after a failed read that a paused link has not heard of yet.
Outbound& Link::give_up_writing() {
    links_.log.debug("{} - TLS write error: {}", label(), tls_->engine->error());
    close(CloseReason::kWriteError);
    shut_down();  // if it was closing already
    return tls_->wire;
}

void Link::tls_sent(uint64_t size) {
    TlsChannel& channel = *tls_;
    if (channel.phase == TlsChannel::Phase::kUndecided) return outbound_.consume(size);
    channel.wire.consume(size);
    if (!channel.wire.empty()) return mark_dirty();
    if (channel.encrypted_bytes > 0) outbound_.consume(std::exchange(channel.encrypted_bytes, 0));
}

}  // namespace nuring::link

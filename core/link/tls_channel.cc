// SPDX-License-Identifier: Apache-2.0
#include "core/link/tls_channel.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <span>
#include <utility>

#include "core/link/link.h"
#include "core/link/link_host.h"
#include "core/link/link_job.h"

namespace nuring::link {
namespace {

constexpr char kHandshakeRecord = 0x16;  // the first byte of every client that speaks TLS

constexpr size_t kRecordHeaderSize = 5;
constexpr size_t kRecordSizeMax = 16 * 1024 + 2048;  // RFC 5246; 1.3 allows less
constexpr unsigned char kRecordTypeMin = 20;
constexpr unsigned char kRecordTypeMax = 23;

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

class TlsChannel::HandshakeJob final : public LinkJob {
  public:
    HandshakeJob(TlsChannel& channel, std::string input)
        : LinkJob(channel.link_.host_, channel.link_),
          engine_(std::move(channel.engine_)),
          input_(std::move(input)) {}

  private:
    friend class TlsChannel;

    void compute() override {
        rest_ = input_;
        status_ = engine_->handshake(
            &rest_, {.append =
                         [](void* output, const char* bytes, size_t size) {
                             static_cast<std::string*>(output)->append(bytes, size);
                         },
                     .state = &output_});
    }
    // An open link still has the channel that made this job: it waits for it.
    void finish(Link& link) override {
        assert(link.tls_ != nullptr);
        link.tls_->on_handshake_step(*this);
    }

    std::unique_ptr<tls::Engine> engine_;
    const std::string input_;
    std::string_view rest_;  // of the input: what came after the handshake
    std::string output_;
    tls::HandshakeStatus status_ = tls::HandshakeStatus::kNeedsInput;
};

TlsChannel::TlsChannel(Link& link, std::shared_ptr<const tls::Profile> profile)
    : Channel(link),
      profile_(std::move(profile)),
      wire_(link.host_.slabs) {}

TlsChannel::TlsChannel(Link& link, std::unique_ptr<tls::Engine> engine)
    : Channel(link),
      engine_(std::move(engine)),
      wire_(link.host_.slabs) {}

TlsChannel::~TlsChannel() = default;

std::unique_ptr<tls::Engine> TlsChannel::take_engine() {
    assert(phase_ == Phase::kOpen);
    assert(wire_.empty());
    return std::move(engine_);
}

tls::Output TlsChannel::to_wire() {
    return {.append =
                [](void* wire, const char* bytes, size_t size) {
                    static_cast<Outbound*>(wire)->append({bytes, size});
                },
            .state = &wire_};
}

// ------------------------------------------------------------------------------- the handshake

void TlsChannel::end_hello_wait(bool optional) {
    hello_due_ = false;
    if (!optional) begin_handshake();
}

// Bytes queued so far leave in clear text: they move to the wire, a send in flight included.
void TlsChannel::begin_handshake() {
    assert(phase_ == Phase::kUndecided);
    if (!link_.on_handshake_begun()) return;
    phase_ = Phase::kHandshake;
    wire_.swap(link_.outbound_);
}

void TlsChannel::receive(char* bytes, size_t size) {
    if (link_.open() && phase_ == Phase::kUndecided) {
        if (*bytes != kHandshakeRecord && !hello_due_) return link_.drop_tls(bytes, size);
        end_hello_wait(/*optional=*/false);
    }
    if (!link_.open()) return ignore(size);
    if (phase_ == Phase::kOpen) return decrypt({bytes, size});
    received_.append(bytes, size);
    // Paused until the job is done, which bounds its input.
    if (!link_.paused() && advance_handshake()) link_.pause(PauseReason::kChannel);
}

// False: it takes more bytes.
bool TlsChannel::advance_handshake() {
    const std::string_view received(received_.begin(), received_.size());
    const size_t size = whole_records_size(received);
    if (size == 0) return false;
    if (engine_ == nullptr) engine_ = tls::Engine::create(std::move(profile_));
    std::string input(received.substr(0, size));
    received_.erase_front(size);
    submit_handshake(std::move(input));
    return true;
}

void TlsChannel::submit_handshake(std::string input) {
    assert(engine_ != nullptr);
    LinkHost& host = link_.host_;
    // One that finds no room stays paused and meets the time limit of handshakes.
    (void)host.handshakes.submit(host.worker,
                                 std::make_unique<HandshakeJob>(*this, std::move(input)),
                                 {.address = link_.peer_host(), .gone = link_.ended()});
}

void TlsChannel::on_handshake_step(HandshakeJob& job) {
    assert(phase_ == Phase::kHandshake);
    engine_ = std::move(job.engine_);
    if (!job.output_.empty()) {
        wire_.append(job.output_);
        link_.mark_dirty();
    }
    switch (job.status_) {
        case tls::HandshakeStatus::kFailed: return link_.fail_handshake(engine_->error());
        case tls::HandshakeStatus::kNeedsInput:
            if (!advance_handshake()) link_.resume(PauseReason::kChannel);
            return;
        case tls::HandshakeStatus::kDone: break;
    }
    phase_ = Phase::kOpen;
    link_.host_.count_handshake(/*succeeded=*/true);
    link_.on_handshake_done();
    if (!link_.open()) return;
    // Still paused: the plaintext waits with what is kept, and resume() takes it from there.
    if (!job.rest_.empty()) decrypt(job.rest_);
    ByteBuffer early;
    early.swap(received_);
    if (!early.empty() && link_.open()) decrypt({early.begin(), early.size()});
    if (link_.open()) link_.resume(PauseReason::kChannel);
}

bool TlsChannel::on_failed(std::string_view error) {
    if (!handshaking()) return false;
    link_.fail_handshake(error);
    return true;
}

// ---------------------------------------------------------------------------------- bulk traffic

void TlsChannel::decrypt(std::string_view received) {
    const std::span<char> room = link_.host_.plaintext();
    for (;;) {
        size_t size = 0;
        const tls::ReadStatus status = engine_->read(&received, room, &size, to_wire());
        if (!wire_.empty()) link_.mark_dirty();
        // Alerts that answer refused renegotiations, and the like, of a peer that reads none of them.
        if (wire_.pending_bytes() > kWireBytesMax) {
            link_.host_.log.error("{} - TLS read error: too many records to answer", link_.label());
            return link_.close(CloseReason::kProtocolViolation);
        }
        if (size > 0) pass_up(room.data(), size);
        if (!link_.open() || status == tls::ReadStatus::kNeedsInput) return;
        if (status == tls::ReadStatus::kFull) continue;
        const bool failed = status == tls::ReadStatus::kFailed;
        if (failed) link_.host_.log.debug("{} - TLS read error: {}", link_.label(), engine_->error());
        return end_input(failed);
    }
}

// Makes ciphertext of what is pending, once all of the last batch has left.
Outbound& TlsChannel::ready() {
    if (phase_ == Phase::kUndecided) return pending();
    if (phase_ != Phase::kOpen) return wire_;
    Outbound& plain = pending();
    if (encrypted_bytes_ == 0 && !plain.empty()) {
        std::array<iovec, kEncryptBytesMax / runtime::SlabPool::kSmallBytes> parts;
        const unsigned count = plain.gather(parts);
        uint64_t done = 0;
        for (unsigned i = 0; i < count && done < kEncryptBytesMax; ++i) {
            const size_t size = std::min<size_t>(parts[i].iov_len, kEncryptBytesMax - done);
            const std::string_view part(static_cast<const char*>(parts[i].iov_base), size);
            if (!engine_->write(part, to_wire())) return give_up_writing();
            done += size;
        }
        encrypted_bytes_ = done;
    }
    if (is_last(plain, encrypted_bytes_)) {
        engine_->close_notify(to_wire());
        phase_ = Phase::kEnded;
    }
    return wire_;
}

// Only after a failed read that a paused link has not noticed yet.
Outbound& TlsChannel::give_up_writing() {
    link_.host_.log.debug("{} - TLS write error: {}", link_.label(), engine_->error());
    link_.close(CloseReason::kWriteError);
    link_.shut_down();  // if it was closing already
    return wire_;
}

void TlsChannel::sent(uint64_t size) {
    if (phase_ == Phase::kUndecided) return took(size);
    wire_.consume(size);
    if (!wire_.empty()) return link_.mark_dirty();
    if (encrypted_bytes_ > 0) took(std::exchange(encrypted_bytes_, 0));
}

}  // namespace nuring::link

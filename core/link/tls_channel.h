// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/link/byte_buffer.h"
#include "core/link/channel.h"
#include "core/link/outbound.h"
#include "core/tls/tls_engine.h"

namespace nuring::link {

// TlsChannel is TLS between a link's frames and its socket, or the possibility of it.
//
//   undecided --> handshake --> open --> ended (close_notify is on the wire)
//       \--> none: the client speaks in clear text, and the channel goes
//
//   pending   [encrypted_bytes: on the wire][.................]
//   wire      [ciphertext of the former]
//
// A step of the handshake costs from 0.15 to 3.4 ms of processor time (docs/benchmarks.md), part of which
// the peer chooses by its curve, and cannot be divided; the worker's other connections must not wait for
// it longer than 1 ms. So every step is a job, and there is no budget of handshakes per turn.
//
// Threads: the link's worker, but for the engine while a job has it.
// Limits:  kEncryptBytesMax per flush, kWireBytesMax on the wire; `received` holds one incomplete record
//          and what came before the link paused.
// Errors:  Link's.
class TlsChannel final : public Channel {
  public:
    // Ciphertext enough for one send, and little enough to stay in the second cache level.
    static constexpr size_t kEncryptBytesMax = 128 * 1024;

    // More than a batch of ciphertext and its records' heads.
    static constexpr size_t kWireBytesMax = 2 * kEncryptBytesMax;

    // A server that decides by the first byte, until begin_handshake().
    TlsChannel(Link& link, std::shared_ptr<const tls::Profile> profile);
    // A client, whose engine knows the server's name; or the end of a handover, with skip_handshake().
    TlsChannel(Link& link, std::unique_ptr<tls::Engine> engine);
    ~TlsChannel() override;

    // Until it is decided, the first bytes must be TLS; see Link::await_hello().
    void await_hello() { hello_due_ = true; }
    bool awaits_hello() const { return hello_due_; }
    void end_hello_wait(bool optional);
    void begin_handshake();
    // Of a client, which needs no input for it.
    void take_first_step() { submit_handshake({}); }
    // The engine has done its handshake for another link.
    void skip_handshake() { phase_ = Phase::kOpen; }
    // For that other link: everything has been sent, and all that has come is decrypted but for an incomplete
    // record.
    std::unique_ptr<tls::Engine> take_engine();
    // Null before the handshake is done, and while a job has it.
    const tls::Engine* engine() const { return phase_ < Phase::kOpen ? nullptr : engine_.get(); }

    // Channel
    void receive(char* bytes, size_t size) override;
    Outbound& ready() override;
    void sent(uint64_t size) override;
    bool handshaking() const override { return phase_ == Phase::kHandshake; }
    bool on_failed(std::string_view error) override;

  private:
    enum class Phase : uint8_t { kUndecided, kHandshake, kOpen, kEnded };
    class HandshakeJob;

    bool is_done() const override { return phase_ == Phase::kEnded; }
    bool advance_handshake();
    void submit_handshake(std::string input);
    void on_handshake_step(HandshakeJob& job);
    void decrypt(std::string_view received);
    Outbound& give_up_writing();
    tls::Output to_wire();

    Phase phase_ = Phase::kUndecided;
    bool hello_due_ = false;  // undecided for a short time; the first byte must be TLS
    std::shared_ptr<const tls::Profile> profile_;  // null once the engine exists, which has its own
    std::unique_ptr<tls::Engine> engine_;  // null before the first record, and while a job has it
    ByteBuffer received_;                  // of the handshake, not handed to the engine yet
    Outbound wire_;
    uint64_t encrypted_bytes_ = 0;
};

// How much of `received` is whole records. All of it if it is no record: OpenSSL knows what to say.
size_t whole_records_size(std::string_view received);

}  // namespace nuring::link

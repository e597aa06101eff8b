// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "core/link/byte_buffer.h"
#include "core/link/close_reason.h"
#include "core/link/outbound.h"
#include "core/tls/tls_engine.h"

namespace nuring::link {

// TlsChannel is what a link has when TLS stands between its frames and its socket, or may do so yet.
//
//   undecided --> handshake --> open --> ended (close_notify is on the wire)
//       \--> none: the client speaks in clear text, and the channel goes
//
// The frames stay in the link's outbound until the socket has taken the ciphertext that was made of
// them: so max_pending and pending_bytes mean what they mean without TLS.
//
//   outbound  [encrypted_bytes: on the wire][pending ..........]
//   wire      [ciphertext of the former]
//
// Threads: the link's worker, but for the engine while a job has it.
// Limits:  kEncryptBytesMax per flush, kWireBytesMax on the wire; `received` holds one incomplete record
//          and what came before the link paused.
// Errors:  Link's.
struct TlsChannel {
    enum class Phase : uint8_t { kUndecided, kHandshake, kOpen, kEnded };

    // Ciphertext enough for one send, and little enough to stay in the second cache level.
    static constexpr size_t kEncryptBytesMax = 128 * 1024;

    // More than a batch of ciphertext and its records' heads.
    static constexpr size_t kWireBytesMax = 2 * kEncryptBytesMax;

    TlsChannel(runtime::SlabPool& pool, std::shared_ptr<const tls::Profile> tls_profile)
        : profile(std::move(tls_profile)), wire(pool) {}

    Phase phase = Phase::kUndecided;
    bool hello_due = false;  // undecided for a while only: who begins, begins with TLS
    std::shared_ptr<const tls::Profile> profile;  // null once the engine exists, which has its own
    std::unique_ptr<tls::Engine> engine;  // null before the first record, and while a job has it
    ByteBuffer received;                  // of the handshake, not handed to the engine yet
    Outbound wire;
    uint64_t encrypted_bytes = 0;
    // Tells a job of the handshake that nobody waits for it any more.
    std::shared_ptr<std::atomic<bool>> abandoned = std::make_shared<std::atomic<bool>>(false);
    CloseReason end = CloseReason::kNone;  // the peer has ended; for a paused link to find out later
};

// How much of `received` is whole records. All of it if it is no record: OpenSSL knows what to say.
size_t whole_records_size(std::string_view received);

}  // namespace nuring::link

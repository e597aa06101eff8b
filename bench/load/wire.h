// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "bench/load/options.h"
#include "bench/load/wire_end.h"

namespace nuring::bench {

// A message as it arrived; the views are valid until the callback returns.
struct Delivery {
    std::string_view subject;
    std::string_view sid;
    std::string_view reply;
    std::string_view payload;
};

// Wire is one client connection of the generator: a non-blocking socket, what was read and not yet
// consumed, and counters of what the server said beside messages.
//
// Reading comes in two speeds. receive_fixed() counts frames of one known size: per frame it looks
// at the first four bytes, per read at the end of the last frame, so it costs a nanosecond per
// message. receive() parses every frame and hands it out.
// Threads: one; all wires read into one shared scratch area, so that it stays in the cache.
// Limits:  kScratchBytes per read; a frame must fit into it.
// Errors:  a closed connection sets closed(); -ERR is kept in error(); what is no NATS frame ends
//          the process (fatal), since no figure could be trusted after it.
// Source:  docs.nats.io, client protocol.
class Wire {
  public:
    static constexpr size_t kScratchBytes = 512 << 10;

    Wire() = default;
    ~Wire();
    Wire(const Wire&) = delete;
    Wire& operator=(const Wire&) = delete;

    // Blocking set-up. dial() alone leaves the handshake to the caller.
    void dial(const Endpoint& endpoint);
    // Without waiting for the connection; returns false if the system refuses. From 127.0.0.1 + `source`, if
    // that is not 0: a pair of addresses has 28,000 ports.
    bool dial_nowait(const Endpoint& endpoint, uint32_t source = 0);
    void open(const Endpoint& endpoint);   // dial, INFO, CONNECT, PING, PONG
    void greet(const Endpoint& endpoint);  // CONNECT and PING only; the PONG ends it
    void set_send_buffer(int bytes);
    // Joins a group of nuring-relay: 'P' source, 'S' target, 'B' both.
    void open_relay(const Endpoint& endpoint, char role, uint32_t group);
    void close();
    // Becomes that connection, which has no debts and nothing kept.
    void take(Wire* other);
    // Takes over a connected non-blocking socket.
    void adopt(int fd) { fd_ = fd; }

    // Writes all of it, waiting as long as needed: for control lines, not for load.
    void send_all(std::string_view bytes);
    // Writes what the socket takes; 0 when it is full.
    size_t send_some(std::string_view bytes);
    // Sends PING and waits for its PONG; messages that arrive meanwhile go to `on_message`.
    template <class OnMessage>
    void flush(OnMessage&& on_message);
    void flush() {
        flush([](const Delivery&) {});
    }

    // Reads once, counts frames of exactly `frame_size` bytes.
    uint64_t receive_fixed(size_t frame_size);
    // Reads once, calls `on_message(const Delivery&)` per message; returns how many.
    template <class OnMessage>
    uint64_t receive(OnMessage&& on_message);

    void wait_readable(int timeout_ms);

    int fd() const { return fd_; }
    bool closed() const { return closed_; }
    const std::string& error() const { return error_; }
    uint64_t pongs() const { return pongs_; }
    // A publisher in the middle of a frame cannot answer a PING at once: it asks for the debt and
    // pays it at a frame's end.
    void hold_pongs() { hold_pongs_ = true; }
    bool owes_pong() const { return owed_pongs_ != 0; }
    void pay_pongs();

    // The kernel takes bytes again.
    void on_writable() { writable = end_ == nullptr || end_->flush(); }

    // Set by Poller; cleared here when the kernel says "would block".
    bool readable = false;
    bool writable = true;

  private:
    enum class Piece : uint8_t { kMessage, kOther, kPartial };

    std::string_view fill();  // one read, joined to what was kept
    void keep(std::string_view rest) { rest_.assign(rest); }
    // Consumes one line that is no message from the front of `bytes`.
    Piece take_other(std::string_view* bytes);
    Piece take_message(std::string_view* bytes, Delivery* delivery);

    int fd_ = -1;
    std::unique_ptr<WireEnd> end_;  // null: NATS in clear text
    bool closed_ = false;
    bool hold_pongs_ = false;
    uint32_t owed_pongs_ = 0;
    uint64_t pongs_ = 0;
    std::string rest_;
    std::string error_;
};

template <class OnMessage>
uint64_t Wire::receive(OnMessage&& on_message) {
    std::string_view bytes = fill();
    uint64_t count = 0;
    Delivery delivery;
    while (!bytes.empty()) {
        const bool message = bytes.front() == 'M';
        const Piece piece = message ? take_message(&bytes, &delivery) : take_other(&bytes);
        if (piece == Piece::kPartial) break;
        if (!message) continue;
        on_message(delivery);
        ++count;
    }
    keep(bytes);
    return count;
}

template <class OnMessage>
void Wire::flush(OnMessage&& on_message) {
    const uint64_t wanted = pongs_ + 1;
    send_all("PING\r\n");
    while (pongs_ < wanted && !closed_) {
        wait_readable(5000);
        receive(on_message);
    }
}

}  // namespace nuring::bench

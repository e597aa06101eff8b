// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/ids.h"
#include "core/link/byte_buffer.h"
#include "core/link/close_reason.h"
#include "core/link/link_traffic.h"
#include "core/link/outbound.h"
#include "core/link/subscriber.h"
#include "core/ring/ring.h"
#include "core/runtime/timer_wheel.h"
#include "proto/kind.h"

namespace nuring::tls {
class Profile;
class Engine;
}

namespace nuring::link {

class WorkerLinks;
struct TlsChannel;

// Link is one socket and its state, of any kind: it receives, keeps what is incomplete, hands bytes to
// its kind (consume()), queues frames, sends them one send at a time, and ends in order. It knows no
// verb.
//
//            close()                outbound empty        peer's end, or the time is up
//   open ------------> flushing ---------------> lingering -----------> shut down --> deleted
//     \                    \________________________________________________/
//      \_____ read error, write error, slow consumer ______________________/
//
// With TLS (start_tls*(), link_tls.cc) bytes pass through a TlsChannel on their way to and from the socket;
// consume() and outbound_ see plaintext. A plain link pays one branch per receive and per send.
//
// Lingering: the last words (an -ERR) would be lost if the socket were closed with unread input, as
// the kernel then resets it; so the link says FIN and reads on, for a short time, what it ignores.
//
// Threads: its worker. Limits: max_pending for outbound; one incomplete operation of input, bounded by
// the limits of its parser. Errors: become a CloseReason.
// Lifetime: owned by WorkerLinks, which deletes it at the end of the turn in which its last request
// has completed; others name it by handle.
class Link : public Subscriber {
  public:
    enum class State : uint8_t { kOpen, kFlushing, kLingering, kShutDown };

    Link(WorkerLinks& links, int fd, proto::Kind kind);
    virtual ~Link();
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    // Arms the first receive.
    void start();
    // Ends the link: what is queued still leaves, unless the reason says that it cannot.
    void close(CloseReason reason);

    bool open() const { return state_ == State::kOpen; }
    base::LinkHandle handle() const { return handle_; }
    uint64_t cid() const { return cid_; }
    proto::Kind kind() const { return kind_; }
    CloseReason close_reason() const { return close_reason_; }
    const LinkTraffic& traffic() const { return traffic_; }
    const char* peer_host() const { return peer_.host; }
    uint16_t peer_port() const { return peer_.port; }
    uint64_t pending_bytes() const { return outbound_.pending_bytes(); }
    size_t pending_chunks() const { return outbound_.slab_count(); }
    uint64_t start_wall_ns() const { return start_wall_ns_; }
    // Version, cipher suite, peer's certificates; null: no TLS, or not yet.
    const tls::Engine* tls_engine() const;
    // "127.0.0.1:51234 - cid:7", the start of every log line about it.
    std::string label() const;

    // The configuration of who may enter has changed: is it still welcome?
    virtual void on_reload() = 0;
    // Limits, or the imports of its account, may have changed.
    virtual void on_account_changed() = 0;
    // The server is about to go.
    virtual void announce_lame_duck() = 0;

    // Queues bytes to the peer, whatever its state but shut down; counts them against max_pending.
    void queue(std::string_view bytes);

    // Called by WorkerLinks: sends what is queued, if no send is in flight.
    void flush();
    // Gives back up to `most` of what a closed link still has; true: that was all.
    virtual bool release(size_t /*most*/) { return true; }
    // Stops reading (a mailbox that this link feeds is full) until resume(), which first handles what
    // was kept. Called while consuming: consume() returns at once afterwards.
    void pause();
    void resume();
    // Stops reading until the link is closed: the server ends.
    void hold();

  protected:
    // Handles all complete operations in [begin, end); returns how many bytes they were. What is
    // left is kept and offered again with more behind it. May pause() or close().
    virtual size_t consume(const char* begin, const char* end) = 0;
    // The link has left the open state: drop subscriptions, tell others, log.
    virtual void on_close() = 0;

    // The peer speaks TLS from now on; what is queued already leaves in clear text. Optional: its first
    // byte tells.
    void start_tls(std::shared_ptr<const tls::Profile> profile, bool optional);
    // This side dialed, and speaks TLS from its first byte on to a server of that name (or address, or any:
    // tls::Engine::create()). Instead of start(): the first receive is armed when there is something
    // to receive.
    void start_tls_client(std::shared_ptr<const tls::Profile> profile,
                          const std::string& server_name);
    // The peer may begin with TLS, and with nothing else, until end_hello_wait(): as start_tls() then.
    void await_hello(std::shared_ptr<const tls::Profile> profile);
    bool awaits_hello() const;
    void end_hello_wait(bool optional);
    bool handshaking() const;
    // To be called when it has taken too long, too.
    void fail_handshake(std::string_view error);
    // After the handshake: is the peer's key one of these digests? True if none is given.
    bool has_pinned_certificate(const std::vector<std::string>& pins) const;
    // The handshake begins with the next bytes; false: the link was closed instead.
    virtual bool on_handshake_begun() { return true; }
    // The peer is known; what it sends from now on comes to consume(). May close().
    virtual void on_handshake_done() {}
    virtual void on_handshake_failed(std::string_view /*error*/) {}

    // Its kind has more to give back than one turn should take: the link, closed, lives on until then.
    // WorkerLinks::release_later() calls release() until it says that this was all.
    void keep_until_released() { unreleased_ = true; }
    void released() {
        unreleased_ = false;
        retire_if_done();
    }

    bool paused() const { return paused_; }
    // Says how much consume() needs to make progress (0: a whole control line).
    void need(size_t operation_bytes, size_t scanned_bytes) {
        needed_bytes_ = operation_bytes;
        scanned_bytes_ = scanned_bytes;
    }
    size_t take_scanned_bytes() {
        const size_t scanned = scanned_bytes_;
        scanned_bytes_ = 0;
        return scanned;
    }
    // To be called after appending to outbound_.
    void mark_dirty() {
        if (!dirty_) add_to_dirty();
    }
    // Gives back memory that only a busy link needs.
    void shrink();

    WorkerLinks& links_;
    Outbound outbound_;
    LinkTraffic traffic_;

  private:
    static void receive_completed(ring::Submission& submission, const ring::Completion& completion);
    static void send_completed(ring::Submission& submission, const ring::Completion& completion);
    static void flush_timer_fired(runtime::Timer& timer);

    void on_received(const ring::Completion& completion);
    void on_receive_ended(int32_t result);
    void on_sent(int32_t result);
    void on_flush_timer();
    void take(char* bytes, size_t size);
    void discard(size_t size);
    void feed(char* bytes, size_t size);
    bool feed_carry(char*& bytes, size_t& size);
    void begin_linger();
    void shut_down();
    void retire_if_done();
    void add_to_dirty();

    class HandshakeJob;
    void begin_handshake();
    bool advance_handshake();
    void submit_handshake(std::string input);
    void on_handshake_step(HandshakeJob& job);
    void receive_tls(char* bytes, size_t size);
    void decrypt(std::string_view received);
    Outbound& encrypt();
    Outbound& give_up_writing();
    void tls_sent(uint64_t size);

    struct LinkSubmission : ring::Submission {
        LinkSubmission(CompleteFunction function, Link& link_owner)
            : Submission(function), owner(link_owner) {}
        Link& owner;
    };
    struct LinkTimer : runtime::Timer {
        LinkTimer(FireFunction function, Link& link_owner) : Timer(function), owner(link_owner) {}
        Link& owner;
    };

    const int fd_;
    const proto::Kind kind_;
    State state_ = State::kOpen;
    CloseReason close_reason_ = CloseReason::kNone;
    bool dirty_ = false;
    bool paused_ = false;
    bool retired_ = false;
    bool unreleased_ = false;
    std::unique_ptr<TlsChannel> tls_;  // null: clear text
    base::LinkHandle handle_;
    uint64_t cid_ = 0;
    uint64_t start_wall_ns_ = 0;
    ring::PeerAddress peer_;

    LinkSubmission receive_;
    LinkSubmission send_;
    uint64_t send_started_ns_ = 0;
    LinkTimer flush_timer_;  // write deadline; the time limit of closing
    uint64_t discarded_bytes_ = 0;

    ByteBuffer carry_;    // the start of one incomplete operation
    ByteBuffer backlog_;  // received while paused, older than what the socket still holds
    size_t needed_bytes_ = 0;
    size_t scanned_bytes_ = 0;
};

}  // namespace nuring::link

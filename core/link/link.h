// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/ids.h"
#include "core/link/byte_buffer.h"
#include "core/link/close_reason.h"
#include "core/link/link_host.h"
#include "core/link/link_traffic.h"
#include "core/link/outbound.h"
#include "core/ring/ring.h"
#include "core/runtime/owned_timer.h"
#include "proto/kind.h"

namespace nuring::proto {
enum class S2Mode : uint8_t;
}

namespace nuring::tls {
class Profile;
class Engine;
}  // namespace nuring::tls

namespace nuring::link {

class Channel;
class S2Channel;
class WebsocketChannel;
class TlsChannel;
struct Handover;
struct WebsocketTerms;

// Why a link reads nothing. Each reason is given and taken by its own part of the code, and the link reads on
// when none is left.
enum class PauseReason : uint8_t {
    kRoom,      // a mailbox that it feeds is full (delivery/outlets.h)
    kLog,       // the log has no room for traces (delivery/log_gate.h)
    kTurn,      // it has caused enough work for one turn (delivery/interest_gate.h)
    kSync,      // this server's interest is being announced to it
    kStall,     // it is faster than a receiver (delivery/stall_gate.h)
    kVerdict,   // its login is being checked
    kChannel,   // a channel handles what it has, or shakes hands
    kHandover,  // the connection changes its kind
    kHold,      // until the link is closed: the server ends
};

// Link is one socket and its state, of any kind: it receives, keeps what is incomplete, hands bytes to
// its kind (consume()), queues frames, sends them one send at a time, and ends in order. It knows no
// verb.
//
//            close()                outbound empty        peer's end, or the time is up
//   open ------------> flushing ---------------> lingering -----------> shut down --> deleted
//     \                    \________________________________________________/
//      \_____ read error, write error, slow consumer ______________________/
//
// Bytes may pass through channels (channel.h) on their way to and from the socket, of TLS for example
// (start_tls*()); consume() and outbound_ see plaintext. A link in clear text pays one branch per receive
// and per send.
//
// Lingering: the last bytes (an -ERR) would be lost if the socket were closed with unread input, because
// the kernel would reset it. So the link sends FIN, and reads and ignores input for a short time.
//
// Threads: its worker. Limits: max_pending for outbound; one incomplete operation of input, bounded by
// the limits of its parser. Errors: become a CloseReason.
// Lifetime: owned by LinkHost, which deletes it at the end of the turn in which its last request
// has completed; others name it by handle.
class Link {
  public:
    enum class State : uint8_t { kOpen, kFlushing, kLingering, kShutDown };

    Link(LinkHost& host, int fd, proto::Kind kind);
    // Instead of start(), the first receive is armed by resume(kHandover).
    Link(LinkHost& host, Handover&& connection, proto::Kind kind);
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
    // Some of its bytes are on their way; else they wait for the end of the turn.
    bool is_sending() const { return send_.pending; }
    // Since its peer has taken the last bytes, if some are being sent.
    uint64_t sending_for_ns() const { return send_.pending ? host_.ring.now_ns() - send_started_ns_ : 0; }
    // TLS, WebSocket or compression, which make a batch per turn.
    bool has_channel() const { return channel_ != nullptr; }
    size_t pending_chunks() const { return outbound_.slab_count(); }
    uint64_t start_wall_ns() const { return start_wall_ns_; }
    // Version, cipher suite, peer's certificates; null: no TLS, or not yet.
    const tls::Engine* tls_engine() const;
    // "127.0.0.1:51234 - cid:7", the start of every log line about it.
    virtual std::string label() const;

    // Users or permissions have changed: checks the link against them again.
    virtual void on_reload() = 0;
    // Limits, or the imports of its account, may have changed.
    virtual void on_account_changed() = 0;
    // The server is about to go.
    virtual void announce_lame_duck() = 0;

    // Queues bytes to the peer, whatever its state but shut down. Never closes, so that the caller need not
    // ask: what goes beyond max_pending ends the link at the end of the turn, and is the last that is queued.
    void queue(std::string_view bytes);

    // It has more than LinkLimits::stall_from_bytes waiting. Returns for how long it has not caught up.
    uint64_t note_behind() {
        if (behind_since_ns_ == 0) behind_since_ns_ = host_.ring.now_ns();
        return host_.ring.now_ns() - behind_since_ns_;
    }
    // Called by LinkHost: sends what is queued, if no send is in flight.
    void flush();
    // Releases a slice of what a closed link holds; true: nothing is left.
    bool release_slice(size_t most);
    // Set when the link is not open any more: its jobs need not work then (link_job.h).
    std::shared_ptr<const std::atomic<bool>> ended();
    // Stops reading until resume() of that reason and all others, which first handles what was kept. Called
    // while consuming: consume() returns at once afterwards.
    void pause(PauseReason reason);
    void resume(PauseReason reason);
    // Stops reading until the link is closed: the server ends.
    void hold();
    // With control lines of an average size: small messages must not be free.
    uint64_t published_bytes() const {
        constexpr uint64_t kLineBytes = 64;
        return traffic_.in_bytes + traffic_.in_messages * kLineBytes;
    }
    uint64_t published_bytes_per_message() const {
        return published_bytes() / std::max<uint64_t>(traffic_.in_messages, 1);
    }
    // Has the peer sent all that is free after it rested (delivery/stall_gate.h)?
    bool may_rest() const { return published_bytes() >= free_until_bytes_; }
    void set_rested(uint64_t free_bytes) { free_until_bytes_ = published_bytes() + free_bytes; }
    // It rested for a receiver of another worker, which has not said since that it is still behind.
    bool rested_there() const { return rested_there_; }
    void set_rested_there(bool rested_there) { rested_there_ = rested_there; }
    // It rests only for as long as that worker may need to say so.
    bool awaits_stall() const { return awaits_stall_; }
    void set_awaits_stall(bool awaits_stall) { awaits_stall_ = awaits_stall; }
    bool is_stalled() const;

  protected:
    // Of a peer that is not known yet: while its login is checked, little more is received.
    void receive_in_small_runs(bool small) { receive_.in_small_runs = small; }

    // Handles all complete operations in [begin, end); returns how many bytes they were. The
    // rest is kept and offered again with more behind it. May pause() or close().
    virtual size_t consume(const char* begin, const char* end) = 0;
    // The link has left the open state: drop subscriptions, notify others, log.
    virtual void on_close() = 0;

    // A layer on top of those that there are: from now on all bytes pass through it. Before anything is
    // queued.
    void push_channel(std::unique_ptr<Channel> channel);

    // The peer speaks TLS from now on; frames that are queued already leave in clear text. Optional: its
    // first byte decides.
    void start_tls(std::shared_ptr<const tls::Profile> profile, bool optional);
    // This side dialed, and speaks TLS from its first byte on to a server of that name (or address, or any:
    // tls::Engine::create()). Instead of start(): the first receive is armed when there is something
    // to receive. Or after start(), where the peer has asked for TLS in clear text and waits for it.
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
    // It was behind (note_behind()), and its peer has taken most of what waited.
    virtual void on_caught_up() {}

    // All bytes are compressed from now on, in both directions; what is queued already leaves as it is.
    // Called while consuming: consume() returns at once afterwards, and the rest of its input is taken for
    // compressed. Of WebSocket the frames are compressed, from the next one on.
    void start_compression(proto::S2Mode mode);
    // Its bytes pass through no channel.
    bool is_clear_text() const { return channel_ == nullptr; }
    // Has start_compression() been called in this batch of input?
    bool input_changed() const { return input_changed_; }
    // Null: nothing is compressed.
    S2Channel* s2_channel() const { return s2_channel_; }

    // Of a link that was handed over: its bytes are WebSocket frames. `message_max`: bytes that a compressed
    // message may become.
    void start_websocket(const WebsocketTerms& terms, uint64_t message_max);
    // Nothing is read any more, and once all that is queued has left and the ring has nothing of this link,
    // hand_over() is called. The link is gone then, without on_close(). Called while consuming: as pause().
    // `parks`: on_parked() is called first. From then on nothing is sent, and what is queued goes along;
    // leave_parked() goes on.
    void begin_handover(bool parks = false);
    // It reads on instead, if neither was called yet. Not while links are flushed.
    void cancel_handover();
    virtual void on_parked() {}
    void leave_parked();
    virtual void hand_over(Handover&& /*connection*/) {}
    // The peer does not take the queued bytes in time, and nothing is read from it. May cancel_handover().
    virtual void on_handover_late() {}

    // Releases up to `most` subscriptions; true: none is left.
    virtual bool release(size_t /*most*/) { return true; }
    // To be called by on_close(): releases one slice at once, and the others one per turn. The closed link
    // lives until that is done.
    void begin_release();
    // Or: the closed link lives until end_closed(), which says that there is nothing to release any more.
    void keep_closed();
    void end_closed();

    // For a peer that says late which of two kinds it is; nothing may know its kind yet.
    void set_kind(proto::Kind kind) { kind_ = kind; }

    bool paused() const { return pauses_ != 0; }
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
    // Frees memory that only a busy link needs.
    void shrink();

    // Messages that came from the peer, or were queued for it, of that many bytes in all.
    void count_in(uint64_t messages, uint64_t bytes) {
        traffic_.in_messages += messages;
        traffic_.in_bytes += bytes;
        kind_traffic_.in_messages += messages;
        kind_traffic_.in_bytes += bytes;
    }
    void count_out(uint64_t messages, uint64_t bytes) {
        traffic_.out_messages += messages;
        traffic_.out_bytes += bytes;
        kind_traffic_.out_messages += messages;
        kind_traffic_.out_bytes += bytes;
        host_.add_turn_bytes(bytes);
    }

    LinkHost& host_;
    Outbound outbound_;

  private:
    static void receive_completed(ring::Submission& submission, const ring::Completion& completion);
    static void send_completed(ring::Submission& submission, const ring::Completion& completion);

    void on_received(const ring::Completion& completion);
    void on_receive_ended(int32_t result);
    void on_sent(int32_t result);
    void on_flush_timer();
    void take(char* bytes, size_t size);
    void discard(size_t size);
    size_t feed(char* bytes, size_t size);
    void feed_changed(char* bytes, size_t size);
    void lay_below_websocket(proto::S2Mode mode);
    bool feed_carry(char*& bytes, size_t& size);
    void begin_linger();
    void shut_down();
    void retire_if_done();
    void add_to_dirty();

    // Of channels.
    friend class Channel;
    friend class TlsChannel;
    void end_input(CloseReason reason);
    void finish_handover();
    void leave();
    void take_output(ByteBuffer* output);
    void stand_on_tls(std::unique_ptr<TlsChannel> channel);
    void go_on_with_tls(std::unique_ptr<tls::Engine> engine);
    void drop_tls(char* bytes, size_t size);

    struct LinkSubmission : ring::Submission {
        LinkSubmission(CompleteFunction function, Link& link_owner)
            : Submission(function), owner(link_owner) {}
        Link& owner;
    };

    LinkTraffic traffic_;
    LinkTraffic& kind_traffic_;  // of all links of this kind
    int fd_;                     // -1: handed over
    proto::Kind kind_;
    State state_ = State::kOpen;
    CloseReason close_reason_ = CloseReason::kNone;
    bool was_idle_ = false;  // when it was closed: it owed the peer nothing
    bool is_over_limit_ = false;  // queue() has met max_pending
    bool peer_ended_ = false;     // nothing more comes from it
    bool dirty_ = false;
    bool rested_there_ = false;
    bool awaits_stall_ = false;
    uint16_t pauses_ = 0;  // a bit for each PauseReason that holds
    bool retired_ = false;
    bool unreleased_ = false;
    bool handing_over_ = false;
    bool parks_ = false;   // see begin_handover()
    bool parked_ = false;  // and open
    std::unique_ptr<Channel> channel_;            // the lowest; null: clear text
    TlsChannel* tls_ = nullptr;                   // of them; null: no TLS
    S2Channel* s2_channel_ = nullptr;             // of them; null: nothing is compressed
    WebsocketChannel* websocket_ = nullptr;       // of them; null: no frames
    bool input_changed_ = false;                  // see start_compression()
    CloseReason input_end_ = CloseReason::kNone;  // for a paused link to find out later
    base::LinkHandle handle_;
    uint64_t cid_ = 0;
    uint64_t start_wall_ns_ = 0;
    ring::PeerAddress peer_;

    LinkSubmission receive_;
    LinkSubmission send_;
    uint64_t send_started_ns_ = 0;
    uint64_t behind_since_ns_ = 0;  // 0: it is not, or has not been noted
    uint64_t batch_started_ns_ = 0;
    uint64_t batch_left_bytes_ = 0;  // of what waited then
    runtime::OwnedTimer<Link, &Link::on_flush_timer> flush_timer_{
        *this};  // write deadline; the time limit of closing
    uint64_t discarded_bytes_ = 0;
    uint64_t free_until_bytes_ = 0;  // see may_rest()

    ByteBuffer carry_;    // the start of one incomplete operation
    ByteBuffer backlog_;  // received while paused, older than what the socket still holds
    size_t needed_bytes_ = 0;
    size_t scanned_bytes_ = 0;
    std::shared_ptr<std::atomic<bool>> ended_;  // null: no job has asked
};

}  // namespace nuring::link

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "core/link/outbound.h"

namespace nuring::link {

class Link;
class LinkHost;

// Channel is a layer between a link and its socket: it turns received bytes into those that the link
// consumes, and what the link has queued into bytes for the socket. A link in clear text has none; layers
// stand on one another (WebSocket on TLS), the lowest next to the socket.
//
//   socket --> receive() --pass_up()--> receive() of the layer above ... --> the link's consume()
//   socket <-- ready()  <--pending()--  ready() of the layer above   ... <-- the link's outbound
//
// The frames stay in the link's outbound until the socket has taken the bytes that were made of them: so
// max_pending and pending_bytes mean the same with and without channels.
//
// Threads: the link's worker. Limits: its own, and named; what waits below the link's outbound must be
//          bounded.
// Errors:  the link is closed with a reason.
// Lifetime: owned by the link, or by the layer below.
class Channel {
  public:
    explicit Channel(Link& link) : link_(link) {}
    virtual ~Channel() = default;
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    // Bytes from below. They may be changed; ring::kReceiveSlackBytes are readable after them. The link
    // may be paused (what is passed up then waits), or closed during the call; also called when it is
    // closed already, until the socket is: see ignore().
    virtual void receive(char* bytes, size_t size) = 0;
    // The frames that the layer below is to send now: turns a batch of pending() into frames, unless an
    // earlier batch is still there. Called when no send is under way. Empty: nothing waits.
    virtual Outbound& ready() = 0;
    // Of the lowest layer: ready() as parts for one send. `waiting`: all bytes of it.
    virtual unsigned gather(std::span<iovec> parts, uint64_t* waiting) {
        Outbound& bytes = ready();
        *waiting = bytes.pending_bytes();
        return bytes.gather(parts);
    }
    // The layer below has taken so many of the oldest bytes of ready().
    virtual void sent(uint64_t size) = 0;

    // Nothing that the link has queued can be understood yet: no link is stale or slow meanwhile.
    virtual bool handshaking() const { return false; }
    // The socket has ended or failed, or a time is over. True: the channel has reported it and closed the
    // link.
    virtual bool on_failed(std::string_view /*error*/) { return false; }
    // The link has left the open state: what is pending still leaves, then the channel's last words
    // (is_done()).
    virtual void on_closed() {}
    // The link reads on: what was kept meanwhile comes first.
    virtual void resume() {
        if (above_ != nullptr) above_->resume();
    }
    // Something has to be said to the peer yet, even if the link ends with a read error.
    virtual bool has_last_words() const { return above_ != nullptr && above_->has_last_words(); }

  protected:
    // To the layer above, or to the link.
    void pass_up(char* bytes, size_t size);
    // The link's own queue; for the constructor of the topmost layer.
    Outbound& queued();
    // The queue of the layer above. Its first bytes stay until took() says that the socket has them.
    Outbound& pending();
    void took(uint64_t size);
    // The link is closing, and all of pending() but its first `size` bytes has been turned into bytes for
    // below, so that the last words of this layer come next.
    bool is_last(const Outbound& pending, uint64_t size) const;
    // Of a layer that has last words: they are in ready() or on their way.
    virtual bool is_done() const { return true; }
    // Received from a peer whose link is closed: counts what it goes on sending.
    void ignore(size_t size);
    // The peer has said that nothing more will come. A paused link finds out when it reads on.
    void end_input(bool is_failure);

    bool paused() const;
    bool is_topmost() const { return above_ == nullptr; }
    bool is_lowest() const;
    LinkHost& host() const;
    // To be called after appending to what ready() returns, outside of ready().
    void mark_dirty();

    Link& link_;

  private:
    friend class Link;

    std::unique_ptr<Channel> above_;
};

}  // namespace nuring::link

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "core/delivery/delivery.h"
#include "core/delivery/message_run.h"
#include "core/interest/match_cache.h"
#include "core/link/link.h"
#include "proto/kind.h"

namespace nuring::account {
class Account;
}

namespace nuring::delivery {

// The signs of life of a connection. Times of the ring's clock.
struct Liveness {
    bool was_pinged = false;
    int pings_out = 0;  // of the regular ones, since the last PONG
    uint32_t unanswered_pings = 0;
    uint64_t last_activity_ns = 0;  // a message in or out, or a verb that changes interest
    uint64_t last_sign_ns = 0;      // other input that makes a PING superfluous: the peer's own
    uint64_t ping_sent_ns = 0;  // before the first one: when the connection was made
    uint64_t rtt_ns = 0;
};

// NatsLink is a link whose peer speaks a NATS protocol, be it a client or another server. It holds what these
// do alike: PING and PONG, error lines, the match of a message that comes in, the counters.
// Threads: its worker. Limits, errors: those of the kind. Source: server/client.go 2.9.10.
class NatsLink : public link::Link {
  public:
    NatsLink(Delivery& delivery, int fd, proto::Kind kind);
    NatsLink(Delivery& delivery, link::Handover&& connection, proto::Kind kind);

    uint64_t rtt_ns() const { return live_.rtt_ns; }  // 0: not known yet
    // When the last message came or left, or interest changed. PING and PONG do not count: all stock clients
    // send them, and nobody would be idle.
    uint64_t last_activity_wall_ns(uint64_t wall_ns) const;

  protected:
    // Of a connection that moves to another worker, whose clock was read at another time.
    const Liveness& liveness() const { return live_; }
    void take_over(const Liveness& liveness);

    // --- error lines -----------------------------------------------------------------------------------
    void send_error(std::string_view text);
    // Logs the text, sends it, closes.
    void refuse_peer(std::string_view text, link::CloseReason reason);
    // The control line, or what it names, is too long.
    void refuse_long_line();
    // The input begins with no verb. `type` names the kind in log lines.
    void refuse_unknown_verb(std::string_view type, std::string_view input, size_t error_offset,
                             link::CloseReason reason);

    // --- PING and PONG ---------------------------------------------------------------------------------
    void send_ping();
    void answer_ping();
    // False: no PING was sent.
    [[nodiscard]] bool note_pong();
    // The next PING that is sent is answered by the PONG after so many others.
    uint32_t unanswered_pings() const { return live_.unanswered_pings; }
    // A regular PING is due. Closes the link if that many have no PONG yet; else one more has none, be it
    // sent or not. `type` names the kind in log lines.
    bool close_if_stale(std::string_view type, int outstanding_max);
    // Up to a fifth more, at random: not at the same moment for all links.
    uint64_t with_jitter(uint64_t delay_ns);
    bool was_pinged() const { return live_.was_pinged; }
    // Since the last PING; before the first one, since the connection was made.
    uint64_t since_ping_ns() const { return host_.ring.now_ns() - live_.ping_sent_ns; }
    void set_rtt(uint64_t rtt_ns) { live_.rtt_ns = rtt_ns == 0 ? 1 : rtt_ns; }
    void note_activity() { live_.last_activity_ns = host_.ring.now_ns(); }
    void note_sign_of_life() { live_.last_sign_ns = host_.ring.now_ns(); }
    uint64_t idle_ns() const { return host_.ring.now_ns() - live_.last_activity_ns; }
    // As idle_ns(), but a PING of the peer counts, too.
    uint64_t silent_ns() const {
        return host_.ring.now_ns() - std::max(live_.last_activity_ns, live_.last_sign_ns);
    }

    // --- messages --------------------------------------------------------------------------------------
    // hash: of the subject in the account's sublist; 0: not known.
    const interest::MatchEntry& match(account::Account& account, std::string_view subject,
                                      uint64_t hash);
    void forget_match() { memo_.clear(); }
    void count_in(const MessageRun& run) {
        note_activity();
        Link::count_in(run.count, uint64_t{run.count} * run.total_size);
    }
    void count_out(uint32_t count, uint32_t size_each) {
        note_activity();
        Link::count_out(count, uint64_t{count} * size_each);
    }
    // Frames of a peer that takes no headers: that control line and the body, for the first `count` messages.
    void append_bodies(std::string_view line, const MessageRun& run, uint32_t count);
    // A line per message that leaves with that head.
    void trace_out(std::string_view head, const MessageRun& run);

    Delivery& delivery_;
    bool tracing_ = false;  // as of this batch of input

  private:
    Liveness live_;
    interest::MatchMemo memo_;
};

}  // namespace nuring::delivery

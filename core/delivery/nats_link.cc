// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/nats_link.h"

#include <algorithm>
#include <cassert>
#include <string>
#include <utility>

#include "core/account/account.h"
#include "core/delivery/run_reader.h"
#include "core/link/handover.h"
#include "proto/encode_client.h"
#include "proto/error_text.h"
#include "proto/quote.h"

namespace nuring::delivery {
namespace {

constexpr uint64_t kJitterPart = 5;

// A parser error shows this much of the input.
constexpr size_t kShownInputMax = 32;

}  // namespace

NatsLink::NatsLink(Delivery& delivery, int fd, proto::Kind kind)
    : link::Link(delivery.host, fd, kind),
      delivery_(delivery),
      live_{.ping_sent_ns = delivery.host.ring.now_ns()} {}

NatsLink::NatsLink(Delivery& delivery, link::Handover&& connection, proto::Kind kind)
    : link::Link(delivery.host, std::move(connection), kind),
      delivery_(delivery),
      live_{.ping_sent_ns = delivery.host.ring.now_ns()} {}

uint64_t NatsLink::last_activity_wall_ns(uint64_t wall_ns) const {
    if (live_.last_activity_ns == 0) return start_wall_ns();
    return std::max(start_wall_ns(), wall_ns - std::min(wall_ns, idle_ns()));
}

void NatsLink::take_over(const Liveness& liveness) {
    const uint64_t now_ns = host_.ring.now_ns();
    live_ = liveness;
    live_.last_activity_ns = std::min(live_.last_activity_ns, now_ns);
    live_.last_sign_ns = std::min(live_.last_sign_ns, now_ns);
    live_.ping_sent_ns = std::min(live_.ping_sent_ns, now_ns);
}

// ------------------------------------------------------------------------------------ error lines

void NatsLink::send_error(std::string_view text) {
    if (host_.log.trace_enabled()) host_.log.trace("{} - ->> [-ERR {}]", label(), text);
    std::string frame(proto::err_frame_size(text), '\0');
    proto::encode_err(frame.data(), text);
    queue(frame);
}

void NatsLink::refuse_peer(std::string_view text, link::CloseReason reason) {
    host_.log.error("{} - {}", label(), text);
    send_error(text);
    close(reason);
}

void NatsLink::refuse_long_line() {
    host_.log.error("{} - maximum control line exceeded", label());
    send_error(proto::kErrControlLineExceeded);
    close(link::CloseReason::kMaxControlLineExceeded);
}

// Redacted, since a misspelled CONNECT holds secrets, too.
void NatsLink::refuse_unknown_verb(std::string_view type, std::string_view input,
                                   size_t error_offset, link::CloseReason reason) {
    host_.log.error("{} - {} parser ERROR, state={}, i={}: proto='{}...'", label(), type, 0,
                    error_offset, proto::quote(proto::redact(input.substr(0, kShownInputMax))));
    send_error(proto::kErrUnknownOperation);
    close(reason);
}

// ---------------------------------------------------------------------------------- PING and PONG

void NatsLink::send_ping() {
    ++live_.unanswered_pings;
    live_.was_pinged = true;
    live_.ping_sent_ns = host_.ring.now_ns();
    if (host_.log.trace_enabled()) host_.log.trace("{} - ->> [PING]", label());
    queue(proto::kPingFrame);
}

void NatsLink::answer_ping() {
    queue(proto::kPongFrame);
    if (tracing_) host_.log.trace("{} - ->> [PONG]", label());
}

bool NatsLink::note_pong() {
    if (live_.unanswered_pings == 0) return false;
    --live_.unanswered_pings;
    set_rtt(since_ping_ns());
    live_.pings_out = 0;
    return true;
}

bool NatsLink::close_if_stale(std::string_view type, int outstanding_max) {
    if (live_.pings_out < outstanding_max) {
        ++live_.pings_out;
        return false;
    }
    host_.log.debug("{} - Stale {} Connection - Closing", label(), type);
    host_.count_stale(kind());
    send_error(proto::kErrStaleConnection);
    close(link::CloseReason::kStaleConnection);
    return true;
}

uint64_t NatsLink::with_jitter(uint64_t delay_ns) {
    const uint64_t jitter_ns = std::clamp<uint64_t>(delay_ns / kJitterPart, 1, UINT32_MAX);
    return delay_ns + delivery_.prng.below(static_cast<uint32_t>(jitter_ns));
}

// --------------------------------------------------------------------------------------- messages

const interest::MatchEntry& NatsLink::match(account::Account& account, std::string_view subject,
                                            uint64_t hash) {
    return find_match(delivery_, account.sublist(), subject, hash, &memo_);
}

void NatsLink::append_bodies(std::string_view line, const MessageRun& run, uint32_t count) {
    assert(count <= run.count);
    for (uint32_t i = 0; i < count; ++i) {
        outbound_.append(line);
        outbound_.append({run.body(i), run.body_size() + 2});
    }
}

void NatsLink::trace_out(std::string_view head, const MessageRun& run) {
    const std::string_view sizes(run.tail, static_cast<size_t>(run.payload() - 2 - run.tail));
    for (uint32_t i = 0; i < run.count; ++i)
        host_.log.trace("{} - ->> [{}{}]", label(), head, sizes);
}

}  // namespace nuring::delivery

// SPDX-License-Identifier: Apache-2.0
// Client, moving: to the worker whose subscribers get nearly all that it publishes.
#include <algorithm>
#include <cassert>
#include <utility>

#include "core/client/client.h"
#include "core/client/client_upgrade.h"
#include "core/client/moved_client.h"

namespace nuring::client {
namespace {

// A client is looked at for this time, in which it publishes at least so many messages.
constexpr uint64_t kWatch_ns = 2'000'000'000;
constexpr uint64_t kWatchMax_ns = 10'000'000'000;
constexpr uint64_t kMessagesMin = 64;
// The part of them that goes to one other worker.
constexpr uint64_t kPercentMin = 95;

}  // namespace

Client::Client(ClientHost& clients, MovedClient&& moved)
    : delivery::NatsLink(clients.delivery, std::move(moved.connection), proto::Kind::kClient),
      clients_(clients),
      account_(moved.account),
      parse_limits_(clients_.limits().parse),
      subscriptions_(delivery_.prng.next()),
      connect_(std::move(moved.connect)),
      identity_(std::move(moved.identity)),
      permissions_(identity_ == nullptr ? nullptr : identity_->permissions.get()),
      nonce_(std::move(moved.nonce)),
      connected_(true),
      admitted_(true),
      counted_(true),
      greeted_(true),
      ponged_(moved.ponged),
      joined_(moved.joined),
      sent_view_(moved.sent_view) {}

// Nobody names it but by its connection id: it has no subscriptions, no answers are due to it, and no job
// checks its login. TLS and WebSocket have state of their own, which stays where it is; tokens of operator
// mode are checked by tasks that an arrival could miss.
bool Client::may_move() const {
    const bool is_plain = is_clear_text() && !is_websocket() && claimed_ == nullptr;
    const bool is_known = open() && connected_ && admitted_ && counted_ && joined_ && !paused();
    const bool is_alone = subscriptions_.size() == 0 && shadows_ == nullptr && responses_ == nullptr &&
                          reply_origins_ == nullptr && tracked_replies_ == nullptr;
    return is_plain && is_known && is_alone && verdicts_due_ == 0 && authenticator().trust() == nullptr &&
           !host_.refuses_links();
}

bool Client::move(base::WorkerId to) {
    if (to == host_.id || !may_move()) return false;
    move_to_ = to;
    begin_handover();
    return true;
}

void Client::hand_over(link::Handover&& connection) {
    assert(counted_);
    assert(subscriptions_.size() == 0);
    assert(move_to_ != host_.id);
    host_.ring.detach(connection.fd);
    connection.start_wall_ns = start_wall_ns();
    connection.traffic = traffic();
    clients_.add_departed(*account_, traffic());
    std::unique_ptr<MovedClient> moved(new MovedClient{.connection = std::move(connection),
                                                       .liveness = liveness(),
                                                       .account = account_,
                                                       .identity = std::move(identity_),
                                                       .connect = std::move(connect_),
                                                       .nonce = std::move(nonce_),
                                                       .ponged = ponged_,
                                                       .joined = std::exchange(joined_, false),
                                                       .sent_view = sent_view_,
                                                       .keep_alive_ns = keep_alive_timer_.deadline_ns,
                                                       .settings_serial = clients_.settings_serial()});
    host_.timers.disarm(keep_alive_timer_);
    host_.facts.worker_loads.move_client(host_.id, move_to_, move_permille_);
    counted_ = false;
    host_.log.debug("{} - Moves to worker {}", label(), index_of(move_to_));
    clients_.movers.send(move_to_, std::move(moved));
}

void Client::arrive(const MovedClient& moved) {
    clients_.add_arrived(*account_, traffic());
    take_over(moved.liveness);
    host_.timers.arm(keep_alive_timer_, std::max(moved.keep_alive_ns, host_.ring.now_ns()));
    apply_limits();
    // A reload that this worker has carried out while the client was on its way. One to come finds it here.
    if (open() && clients_.settings_serial() > moved.settings_serial) {
        on_reload();
        on_account_changed();
        if (clients_.take_excess() && open()) refuse_excess();
    }
    announce_cluster();
    if (host_.holding()) return hold();
    if (!host_.refuses_links()) return;
    announce_lame_duck();
    close(link::CloseReason::kServerShutdown);
}

// ------------------------------------------------------------------------------------------ decision

// Messages without subscribers do not count.
void Client::watch_audience(const interest::MatchResult& matched, uint32_t count) {
    if (matched.empty()) return;
    interest::WorkerSet workers = matched.remote_workers();
    if (!matched.local().empty()) workers.add(host_.id);
    for (uint32_t i = 0; i < matched.queue_group_count(); ++i) workers |= matched.queue_group(i).workers;
    for (const base::LinkHandle peer : matched.peers()) workers.add(peer.worker());
    uint32_t worker_count = 0;
    base::WorkerId only = host_.id;
    workers.for_each([&](base::WorkerId worker) {
        ++worker_count;
        only = worker;
    });
    watch_target(worker_count == 1 ? only : host_.id, count);
}

void Client::watch_target(base::WorkerId target, uint32_t count) {
    const uint64_t now_ns = host_.ring.now_ns();
    const uint64_t worker_messages = host_.traffic_of(kind()).in_messages;
    if (audience_.messages == 0) {
        audience_ = {.since_ns = now_ns, .worker_messages = worker_messages, .target = target};
    }
    audience_.messages += count;
    if (audience_.target == target) audience_.hits += count;
    const uint64_t watched_ns = now_ns - audience_.since_ns;
    if (watched_ns < kWatch_ns) return;
    const Audience seen = std::exchange(audience_, {});
    const bool is_rare = watched_ns > kWatchMax_ns || seen.messages < kMessagesMin;
    if (is_rare || seen.hits * 100 < seen.messages * kPercentMin) return;
    if (seen.target == host_.id || !may_move()) return;
    // About its part of what this worker does.
    link::WorkerLoads& loads = host_.facts.worker_loads;
    const uint64_t others = std::max(worker_messages - seen.worker_messages, seen.messages);
    const uint64_t busy_permille = loads.busy_permille(host_.id, now_ns);
    move_permille_ = static_cast<uint32_t>(busy_permille * seen.messages / others);
    if (!loads.has_room(seen.target, move_permille_, now_ns)) return;
    move_to_ = seen.target;
    move_due_ = true;
}

}  // namespace nuring::client

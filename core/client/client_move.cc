// SPDX-License-Identifier: Apache-2.0
// Client, moving: a client moves to the worker that has nearly all of those that it exchanges messages with.
#include <algorithm>
#include <cassert>
#include <utility>

#include "core/base/narrow.h"
#include "core/base/time_units.h"
#include "core/client/client.h"
#include "core/client/client_upgrade.h"
#include "core/client/move_buffer.h"
#include "core/client/moved_client.h"

namespace nuring::client {
namespace {

// A client is watched for at least this time. The watch is checked when the client publishes: one that has
// lasted longer than the maximum, or has seen fewer messages than the minimum, decides nothing.
constexpr uint64_t kWatch_ns = 2'000'000'000;
constexpr uint64_t kWatchMax_ns = 10'000'000'000;
constexpr uint64_t kMessagesMin = 64;
// The part of its messages that must go to one other worker alone, or come from there.
constexpr uint64_t kPercentMin = 95;
// Two clients that exchange messages must not change places again and again: a client with subscriptions is
// watched for up to this time more, at random, and rests after a move.
constexpr uint32_t kWatchMore_ms = 2'000;
constexpr uint64_t kRest_ns = 10'000'000'000;

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
      responses_(std::move(moved.responses)),
      reply_origins_(std::move(moved.reply_origins)),
      tracked_replies_(std::move(moved.tracked_replies)),
      nonce_(std::move(moved.nonce)),
      connected_(true),
      admitted_(true),
      counted_(true),
      greeted_(true),
      ponged_(moved.ponged),
      joined_(moved.joined),
      sent_view_(moved.sent_view),
      rests_until_ns_(moved.rests_until_ns) {}

// Nothing but its subscriptions may name the client by its handle: it owes no answers, and no job checks its
// login. The channels of TLS and WebSocket belong to their worker. Tokens of operator mode are checked by
// tasks that an arrival could miss.
bool Client::may_move() const {
    const bool is_plain = is_clear_text() && !is_websocket() && claimed_ == nullptr;
    const bool is_known = open() && connected_ && admitted_ && counted_ && joined_ && !paused();
    const bool is_alone = shadows_ == nullptr && responses_ == nullptr && reply_origins_ == nullptr &&
                          tracked_replies_ == nullptr;
    return is_plain && is_known && is_alone && verdicts_due_ == 0 && !is_checking_ &&
           authenticator().trust() == nullptr && !host_.refuses_clients() && may_move_subscriptions();
}

// Plain ones, or one member of a queue group: both kinds together would change their worker at two moments,
// and the client would see the messages of a publisher to both out of order. A message that a member has kept
// and may not have would be lost; one with a maximum would be counted on two workers. A publisher without
// echo is known by the handle in its messages.
bool Client::may_move_subscriptions() const {
    if (subscriptions_.empty()) return true;
    if (subscriptions_.size() > kMovedSubscriptionsMax || !connect_.echo) return false;
    if (member_count_ != 0 && subscriptions_.size() != 1) return false;
    bool may = true;
    subscriptions_.for_each([&may](const interest::Subscription* each) {
        const bool is_filtered = (each->flags & interest::Subscription::kFiltered) != 0;
        if (each->max != 0 || (each->is_queue() && is_filtered)) may = false;
    });
    return may;
}

bool Client::move(base::WorkerId to) {
    if (to == host_.id || !may_move()) return false;
    move_to_ = to;
    begin_handover(/*parks=*/!subscriptions_.empty());  // on_parked() or hand_over() follows
    return true;
}

// From now on only the markers of the workers, or the end of the client, change its subscriptions.
void Client::on_parked() {
    departure_ = std::make_unique<Departure>();
    departure_->settings_serial = clients_.settings_serial();
    subscriptions_.for_each([this](interest::Subscription* each) {
        each->flags |= interest::Subscription::kNoted;
        departure_->subscriptions.push_back(each);
    });
    assert(departure_->subscriptions.size() <= kMovedSubscriptionsMax);
    host_.begin_move();
    clients_.movers.begin(move_to_, *this, departure_->subscriptions);
}

void Client::note_switched(base::WorkerId worker) {
    assert(departure_ != nullptr);
    assert(!departure_->switched.contains(worker));
    departure_->switched.add(worker);
    if (departure_->switched.count() != delivery_.outlets.worker_count()) return;
    drop_originals();
    host_.end_move();
    if (open()) return leave_parked();
    clients_.movers.cancel(move_to_, cid());
    departure_.reset();
    end_closed();
}

// The copies on the new worker take their place.
void Client::drop_originals() {
    for (size_t i = 0; i < departure_->subscriptions.size(); ++i) {
        interest::Subscription* const each = departure_->subscriptions[i];
        departure_->delivered[i] = each->delivered;
        subscriptions_.erase(each);
        if (each->is_queue()) {
            --member_count_;
        } else {
            account_->sublist().remove_original(each);
        }
        delivery_.subscriptions.retire(each);
    }
    assert(subscriptions_.empty());
    assert(member_count_ == 0);
}

// The connection and the state of the client leave this worker; an empty link stays, and is retired.
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
                                                       .settings_serial = clients_.settings_serial(),
                                                       .responses = std::move(responses_),
                                                       .reply_origins = std::move(reply_origins_),
                                                       .tracked_replies = std::move(tracked_replies_)});
    if (departure_ != nullptr) {
        moved->settings_serial = departure_->settings_serial;
        moved->delivered = departure_->delivered;
        moved->rests_until_ns = host_.ring.now_ns() + kRest_ns;
    }
    host_.timers.disarm(keep_alive_timer_);
    host_.facts.worker_loads.move_client(host_.id, move_to_, move_permille_);
    counted_ = false;
    host_.log.debug("{} - Moves to worker {}", label(), index_of(move_to_));
    clients_.movers.send(move_to_, std::move(moved));
}

// The frames that the MoveBuffer has kept come after those that the old worker had for the client.
void Client::arrive(const MovedClient& moved, MoveBuffer* buffer) {
    clients_.add_arrived(*account_, traffic());
    take_over(moved.liveness);
    host_.timers.arm(keep_alive_timer_, std::max(moved.keep_alive_ns, host_.ring.now_ns()));
    if (buffer != nullptr) {
        take_copies(moved, *buffer);
        buffer->deliver_kept(*this);
        if (!open()) return;
    }
    if (pending_bytes() > host_.limits().max_pending_bytes) return host_.close_slow_consumer(*this);
    apply_limits();
    // This worker has carried out a reload while the client was on its way. (A later one finds it here.)
    if (open() && clients_.settings_serial() > moved.settings_serial) {
        on_reload();
        on_account_changed();
        close_if_excess();
        if (clients_.take_excess() && open()) refuse_excess();
    }
    announce_cluster();
    if (host_.holding()) return hold();
    if (host_.refuses_clients()) announce_lame_duck();  // server/drain.h closes it in its time
}

void Client::take_copies(const MovedClient& moved, const MoveBuffer& buffer) {
    for (size_t i = 0; i < buffer.subscriptions().size(); ++i) {
        interest::Subscription* const each = buffer.subscriptions()[i];
        assert(each->link() == handle());
        each->owner = static_cast<delivery::Subscriber*>(this);
        each->delivered = moved.delivered[i];
        subscriptions_.insert(each);
        if (each->is_queue()) ++member_count_;
    }
}

// ------------------------------------------------------------------------------------------ decision

// The target is the worker that alone has subscribers, or links to servers that want the message; this one,
// where there is none or more than one. Messages without subscribers do not count.
void Client::watch_audience(const interest::MatchResult& matched, uint32_t count) {
    if (matched.empty()) return;
    interest::WorkerSet workers = matched.remote_workers();
    if (!matched.local().empty()) workers.add(host_.id);
    for (uint32_t i = 0; i < matched.queue_group_count(); ++i) workers |= matched.queue_group(i).workers;
    for (const base::LinkHandle server : matched.servers()) workers.add(server.worker());
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
        audience_ = {.since_ns = now_ns,
                     .worker_messages = worker_messages,
                     .target = target,
                     .watch_ns = kWatch_ns};
        if (!subscriptions_.empty())
            audience_.watch_ns += uint64_t{delivery_.prng.below(kWatchMore_ms)} * base::kMillisecond_ns;
    }
    audience_.messages += count;
    audience_.published += count;
    if (audience_.target == target) audience_.hits += count;
    const uint64_t watched_ns = now_ns - audience_.since_ns;
    if (watched_ns < audience_.watch_ns) return;
    const Audience seen = std::exchange(audience_, {});
    // A last message with another target: the clients that it exchanges messages with may have moved by now.
    const bool is_rare = watched_ns > kWatchMax_ns || seen.messages < kMessagesMin;
    if (is_rare || target != seen.target || seen.hits * 100 < seen.messages * kPercentMin) return;
    if (seen.target == host_.id || now_ns < rests_until_ns_ || !may_move()) return;
    // The client will take as much of the new worker as of this one: its share of all messages that came in.
    const link::WorkerLoads& loads = host_.facts.worker_loads;
    const uint64_t all_messages = std::max(worker_messages - seen.worker_messages, seen.published);
    const uint64_t busy_permille = loads.busy_permille(host_.id, now_ns);
    move_permille_ = base::narrow<uint32_t>(busy_permille * seen.published / all_messages);
    if (!loads.has_room(seen.target, move_permille_, now_ns)) return;
    move_to_ = seen.target;
    move_due_ = true;
}

}  // namespace nuring::client

// SPDX-License-Identifier: Apache-2.0
#include "core/server/drain.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/interest/forward_rules.h"
#include "core/link/link.h"

namespace nuring::server {
namespace {

// Clients that came to this worker while it was closing others.
constexpr uint64_t kLateClients_ns = 1'000'000'000;
// A time that is already over when it is configured.
constexpr int64_t kLeastSpread_ns = 1'000'000'000;
// Timers run at ticks, each up to one late: what was due meanwhile is closed, too.
constexpr uint64_t kLateTimers_ns = 2 * runtime::TimerWheel::kTick_ns;

std::vector<base::LinkHandle> find_lame_ducks(const link::LinkHost& host) {
    std::vector<base::LinkHandle> found;
    host.table.for_each([&](const link::Link& link) {
        if (!outlives_clients(link.kind())) found.push_back(link.handle());
    });
    return found;
}

}  // namespace

bool outlives_clients(proto::Kind kind) {
    return proto::is_server(kind) && interest::rules_of(kind).rank != interest::QueueRank::kLeaf;
}

Drain::Drain(link::LinkHost& host, delivery::Outlets& outlets)
    : host_(host), outlets_(outlets), prng_(host.ring.random_seed()) {}

Drain::~Drain() {
    host_.timers.disarm(lame_duck_timer_);
}

void Drain::hold(void (*held)(void*), void* state) {
    held_ = held;
    held_state_ = state;
    // stop() closes all: a client that ends before it would lose what others still send to it.
    host_.timers.disarm(lame_duck_timer_);
    lame_ducks_.clear();
    open_count_ = 0;
    gone_ = nullptr;
    host_.hold();
}

void Drain::stop(void (*drained)(void*), void* state) {
    drained_ = drained;
    drained_state_ = state;
    host_.refuse_links();
    closing_ = true;
}

void Drain::enter_lame_duck(const LameDuck& lame_duck, void (*gone)(void*), void* state) {
    gone_ = gone;
    gone_state_ = state;
    host_.refuse_clients();
    host_.table.for_each([](link::Link& link) { link.announce_lame_duck(); });
    lame_ducks_ = find_lame_ducks(host_);
    open_count_ = lame_ducks_.size();
    const int64_t spread = (lame_duck.duration - lame_duck.grace_period).count();
    lame_duck_spread_ns_ = static_cast<uint64_t>(spread > 0 ? spread : kLeastSpread_ns);
    if (open_count_ == 0) return;
    const uint64_t begin_ns =
        host_.ring.now_ns() + static_cast<uint64_t>(lame_duck.grace_period.count());
    host_.facts.lame_duck_pace.add(open_count_, begin_ns);
    host_.timers.arm(lame_duck_timer_, begin_ns);
}

// As many as are due by the next tick of the timers: with thousands of clients more than one. Each worker
// tries, and which one closes the next client does not matter.
void Drain::on_lame_duck_timer() {
    // relaxed: it only decides which worker logs it
    if (!host_.facts.lame_duck_closing.exchange(true, std::memory_order_relaxed)) {
        host_.log.info("Closing existing clients");
    }
    assert(open_count_ <= lame_ducks_.size());
    link::LameDuckPace& pace = host_.facts.lame_duck_pace;
    const uint64_t now_ns = host_.ring.now_ns();
    const uint64_t oldest_ns = now_ns - std::min(now_ns, kLateTimers_ns);
    while (open_count_ != 0 && pace.take(oldest_ns, now_ns + runtime::TimerWheel::kTick_ns,
                                         lame_duck_spread_ns_, &prng_)) {
        if (link::Link* link = host_.table.find(lame_ducks_[--open_count_])) {
            link->close(link::CloseReason::kServerShutdown);
        }
    }
    if (open_count_ != 0) host_.timers.arm(lame_duck_timer_, std::max(pace.next_ns(), now_ns));
}

bool Drain::advance() {
    return report_held() || close_when_delivered();
}

// Records leave for good at the end of a turn, so `held` waits for the turn after. True: not yet.
bool Drain::report_held() {
    if (held_ == nullptr) return false;
    if (outlets_.has_spill()) return false;  // on_room() comes
    if (host_.has_moves()) return false;     // records come
    if (!std::exchange(published_, true)) return true;
    std::exchange(held_, nullptr)(held_state_);
    return false;
}

// Records of other workers are delivered before the links are closed. True: not yet.
bool Drain::close_when_delivered() {
    if (!closing_) return false;
    if (!outlets_.is_drained() || host_.has_moves()) return true;
    closing_ = false;
    for (const base::LinkHandle handle : host_.handles()) {
        if (link::Link* link = host_.table.find(handle))
            link->close(link::CloseReason::kServerShutdown);
    }
    return false;
}

void Drain::report_gone() {
    if (gone_ == nullptr) return;
    while (!lame_ducks_.empty() && host_.table.find(lame_ducks_.back()) == nullptr)
        lame_ducks_.pop_back();
    open_count_ = std::min(open_count_, lame_ducks_.size());
    if (!lame_ducks_.empty()) return;
    // Clients that were on their way here from another worker come last. (Where nobody was left before they
    // came, the end of the server closes them.)
    lame_ducks_ = find_lame_ducks(host_);
    open_count_ = lame_ducks_.size();
    if (lame_ducks_.empty()) return std::exchange(gone_, nullptr)(gone_state_);
    if (!lame_duck_timer_.armed())
        host_.timers.arm(lame_duck_timer_, host_.ring.now_ns() + kLateClients_ns);
}

void Drain::report_drained() {
    report_gone();
    // While closing_, a client may still be on its way here.
    const bool is_drained = drained_ != nullptr && !closing_ && host_.is_empty();
    if (is_drained) std::exchange(drained_, nullptr)(drained_state_);
}

}  // namespace nuring::server

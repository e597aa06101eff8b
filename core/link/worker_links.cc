// SPDX-License-Identifier: Apache-2.0
#include "core/link/worker_links.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "core/config/duration.h"
#include "core/link/announcer.h"
#include "core/link/client.h"
#include "core/link/delivery.h"
#include "core/link/peer.h"

namespace nuring::link {
namespace {

// The pause between two clients of a lame duck.
constexpr int64_t kLameDuckIntervalMax_ns = 1'000'000'000;

// While messages are traced, as much waits for another worker: some hundred lines.
constexpr size_t kTracedMailboxBytes = 32 * 1024;

// Decrypted in one go; what was received may take several.
constexpr size_t kPlaintextBytes = 64 * 1024;

}  // namespace

LinkLimits::LinkLimits(const config::Options& options)
    : max_pending_bytes(static_cast<uint64_t>(options.max_pending)),
      write_deadline_ns(static_cast<uint64_t>(options.write_deadline.count())),
      ping_interval_ns(static_cast<uint64_t>(options.ping_interval.count())),
      auth_timeout_ns(static_cast<uint64_t>(options.authorization.timeout.count())),
      tls_timeout_ns(static_cast<uint64_t>(
          options.tls.value_or(config::TlsOptions{}).timeout.count())),
      ping_max(options.ping_max),
      max_subscriptions(options.max_subscriptions),
      max_sub_tokens(options.max_sub_tokens),
      max_connections(options.max_connections),
      headers(!options.no_header_support),
      parse{.control_line_max = static_cast<uint32_t>(options.max_control_line),
            .payload_max = options.max_payload} {}

WorkerLinks::WorkerLinks(runtime::Worker& worker_ref, const Shared& shared, log::Writer& log_writer,
                         const LinkSettings& settings)
    : id(worker_ref.id()),
      worker(worker_ref),
      ring(worker_ref.ring()),
      mesh(worker_ref.mesh()),
      timers(worker_ref.timers()),
      facts(shared.facts),
      log(log_writer),
      accounts(shared.accounts),
      jobs(shared.jobs),
      handshakes(shared.handshakes),
      announcer(shared.announcer),
      lookups(shared.lookups != nullptr ? *shared.lookups : shared.jobs),
      options(settings.options),
      authenticator(settings.authenticator),
      tls(settings.tls),
      address(settings.address),
      limits(*options),
      table(id),
      cache(id, {.entries_max = static_cast<uint32_t>(options->uring.cache_entries)}),
      prng(ring.random_seed()),
      heavy_hitters(options->uring.heavy_hitters, ring.random_seed()),
      closed(facts, static_cast<size_t>(std::max<int64_t>(options->max_closed_clients, 0))),
      internal(*this),
      outlets_(mesh.worker_count()) {
    worker.set_delegate(this);
    if (mesh.worker_count() > 1) {
        const auto peer = static_cast<base::WorkerId>(index_of(id) == 0 ? 1 : 0);
        record_size_max_ = mesh.mailbox(id, peer).record_size_max();
    }
}

WorkerLinks::~WorkerLinks() {
    for (interest::Subscription* subscription : retired_subscriptions_) {
        subscriptions.destroy(subscription);
    }
}

void WorkerLinks::apply(const LinkSettings& settings, bool check_clients) {
    options = settings.options;
    authenticator = settings.authenticator;
    tls = settings.tls;
    address = settings.address;
    limits = LinkLimits(*options);
    // relaxed: set before this task was posted
    const bool excess = facts.excess_clients.load(std::memory_order_relaxed) > 0;
    // What a token allows is measured against the limits of the server.
    if (check_clients || authenticator->trust() != nullptr) check(handles());
    refresh_accounts();
    if (excess) close_excess(handles());
}

void WorkerLinks::check_clients(const std::string& account) {
    std::vector<base::LinkHandle> concerned;
    table.for_each([&](Link& link) {
        if (link.kind() != proto::Kind::kClient) return;
        if (static_cast<Client&>(link).account().name() != account) return;
        concerned.push_back(link.handle());
    });
    check(concerned);
}

void WorkerLinks::check(const std::vector<base::LinkHandle>& handles) {
    for (const base::LinkHandle handle : handles) {
        Link* link = table.find(handle);
        if (link == nullptr || !link->open()) continue;
        link->on_reload();
        if (!link->open()) facts.excess_clients.fetch_sub(1, std::memory_order_relaxed);
    }
}

// The workers share one count of clients that have to go; the last ones here go first.
void WorkerLinks::close_excess(std::vector<base::LinkHandle> handles) {
    for (; !handles.empty(); handles.pop_back()) {
        Link* link = table.find(handles.back());
        if (link == nullptr || !link->open() || link->kind() != proto::Kind::kClient) continue;
        if (facts.excess_clients.fetch_sub(1, std::memory_order_relaxed) <= 0) return;
        static_cast<Client*>(link)->refuse_excess();
    }
}

// True: there is more.
bool WorkerLinks::release_some() {
    if (releasing_.empty()) return false;
    if (releasing_.back()->release(released_per_turn)) releasing_.pop_back();
    return !releasing_.empty();
}

// True: there is more.
bool WorkerLinks::tell_some() {
    if (telling_.empty()) return false;
    Peer* peer = telling_.back();
    if (peer->tell_some()) std::erase(telling_, peer);
    return !telling_.empty();
}

// The youngest first: where there are too many, the others stay.
void WorkerLinks::refresh_accounts() {
    const std::vector<base::LinkHandle> all = handles();
    for (size_t i = all.size(); i-- > 0;) {
        if (Link* link = table.find(all[i])) link->on_account_changed();
    }
    announce_reply_patterns();
}

std::vector<base::LinkHandle> WorkerLinks::handles() const {
    std::vector<base::LinkHandle> handles;
    table.for_each([&](Link& link) { handles.push_back(link.handle()); });
    return handles;
}

std::span<char> WorkerLinks::plaintext() {
    if (plaintext_ == nullptr) {
        plaintext_ = std::make_unique<char[]>(kPlaintextBytes + ring::kReceiveSlackBytes);
    }
    return {plaintext_.get(), kPlaintextBytes};
}

// ------------------------------------------------------------------------------------ links

void WorkerLinks::adopt(int fd) {
    if (stopping_ || holding_) return ring.close(fd);
    auto* client = new Client(*this, fd);  // deleted by flush() once retired
    client->greet();
}

void WorkerLinks::place_client(int fd) {
    const base::WorkerId to = least_loaded();
    // Counted here rather than where it arrives, so that a burst is spread evenly.
    facts.worker_clients[index_of(to)].fetch_add(1, std::memory_order_relaxed);
    if (to == id) return adopt(fd);
    runtime::RecordHeader* record = begin_record(to, sizeof(AdoptRecord), kAdopt);
    reinterpret_cast<AdoptRecord*>(record)->fd = fd;
    commit_record(to, record);
}

base::WorkerId WorkerLinks::least_loaded() const {
    uint32_t best = 0;
    int64_t fewest = INT64_MAX;
    for (uint32_t i = 0; i < mesh.worker_count(); ++i) {
        const int64_t clients = facts.worker_clients[i].load(std::memory_order_relaxed);
        if (clients >= fewest) continue;
        fewest = clients;
        best = i;
    }
    return static_cast<base::WorkerId>(best);
}

void WorkerLinks::hold(void (*held)(void*), void* state) {
    holding_ = true;
    held_ = held;
    held_state_ = state;
    table.for_each([](Link& link) { link.hold(); });
}

void WorkerLinks::stop(void (*drained)(void*), void* state) {
    if (!stopping_) {  // else: a lame duck is hurried up, and its callback stays
        stopping_ = true;
        drained_ = drained;
        drained_state_ = state;
    }
    closing_ = true;
}

// Records leave for good at the end of a turn, so `held` waits for the turn after. True: not yet.
bool WorkerLinks::report_held() {
    if (held_ == nullptr) return false;
    if (has_spill()) return false;  // on_room() comes
    if (!std::exchange(published_, true)) return true;
    std::exchange(held_, nullptr)(held_state_);
    return false;
}

// What other workers sent before they held is delivered before the links go. True: not yet.
bool WorkerLinks::close_when_delivered() {
    if (!closing_) return false;
    for (uint32_t i = 0; i < outlets_.size(); ++i) {
        const auto from = static_cast<base::WorkerId>(i);
        if (from != id && mesh.mailbox(from, id).next() != nullptr) return true;
    }
    closing_ = false;
    std::vector<Link*> links;
    table.for_each([&](Link& link) { links.push_back(&link); });
    for (Link* link : links) link->close(CloseReason::kServerShutdown);
    return false;
}

void WorkerLinks::enter_lame_duck(void (*drained)(void*), void* state) {
    stopping_ = true;
    drained_ = drained;
    drained_state_ = state;
    table.for_each([&](Link& link) {
        link.announce_lame_duck();
        lame_ducks_.push_back(link.handle());
    });
    // From the back: links to other servers go last, since those that are still here hear through them.
    std::stable_partition(lame_ducks_.begin(), lame_ducks_.end(), [this](base::LinkHandle handle) {
        return table.find(handle)->kind() != proto::Kind::kClient;
    });
    if (lame_ducks_.empty()) return;
    const int64_t spread = (options->lame_duck_duration - options->lame_duck_grace_period).count();
    const auto spread_ns = static_cast<uint64_t>(std::max<int64_t>(spread, kLameDuckIntervalMax_ns));
    lame_duck_interval_ns_ = std::min<uint64_t>(spread_ns / lame_ducks_.size(),
                                                kLameDuckIntervalMax_ns);
    timers.arm(lame_duck_timer_,
               ring.now_ns() + static_cast<uint64_t>(options->lame_duck_grace_period.count()));
}

void WorkerLinks::lame_duck_fired(runtime::Timer& timer) {
    WorkerLinks& links = static_cast<OwnTimer&>(timer).owner;
    // relaxed: it only decides who says so
    if (!links.facts.lame_duck_closing.exchange(true, std::memory_order_relaxed)) {
        links.log.info("Closing existing clients");
    }
    links.close_one_client();
}

// As many as have come due by now: with thousands of clients more than one per tick of the timers.
void WorkerLinks::close_one_client() {
    uint64_t passed_ns = 0;
    while (!lame_ducks_.empty() && passed_ns < runtime::TimerWheel::kTick_ns) {
        if (Link* link = table.find(lame_ducks_.back())) link->close(CloseReason::kServerShutdown);
        lame_ducks_.pop_back();
        const uint64_t half = lame_duck_interval_ns_ / 2;
        passed_ns += half + (half == 0 ? 1 : prng.next() % half);
    }
    if (!lame_ducks_.empty()) timers.arm(lame_duck_timer_, ring.now_ns() + passed_ns);
}

void WorkerLinks::slow_consumer_pending(Link& link) {
    ++counters.slow_consumers_pending;
    log.info("{} - Slow Consumer Detected: MaxPending of {} Exceeded", link.label(),
             limits.max_pending_bytes);
    link.close(CloseReason::kSlowConsumerPendingBytes);
}

void WorkerLinks::slow_consumer_deadline(Link& link) {
    ++counters.slow_consumers_deadline;
    log.info("{} - Slow Consumer Detected: WriteDeadline of {} exceeded with {} chunks of {} total "
             "bytes.",
             link.label(), config::format_duration(options->write_deadline), link.pending_chunks(),
             link.pending_bytes());
    link.close(CloseReason::kSlowConsumerWriteDeadline);
}

// ---------------------------------------------------------------------------- other servers

void WorkerLinks::add_peer(Peer& peer) {
    peers_.push_back(&peer);
    announcer->set_has_peers(id, true);
}

void WorkerLinks::remove_peer(Peer& peer) {
    std::erase(peers_, &peer);
    std::erase(telling_, &peer);
    if (peers_.empty()) announcer->set_has_peers(id, false);
}

bool WorkerLinks::announces(Link& link, size_t names_size) {
    return announcer->make_room(*this, link, names_size);
}

void WorkerLinks::announce(const InterestRecord& record) {
    const char* text = reinterpret_cast<const char*>(&record + 1);
    const std::string_view pattern(text, record.pattern_size);
    const std::string_view queue(text + record.pattern_size, record.queue_size);
    for (Peer* peer : peers_) peer->announce(*record.account, pattern, queue);
}

// They are inserted by the control thread, which tells nobody (Announcer).
void WorkerLinks::announce_reply_patterns() {
    if (peers_.empty()) return;
    for (account::Account* account : accounts.list()) {
        const std::string_view pattern = account->reply_pattern();
        if (pattern.empty()) continue;
        for (Peer* peer : peers_) peer->announce(*account, pattern, {});
    }
}

void WorkerLinks::announce_cluster_view() {
    table.for_each([](Link& link) {
        if (link.kind() == proto::Kind::kClient) static_cast<Client&>(link).announce_cluster();
    });
}

// ---------------------------------------------------------------------------- subscriptions

void WorkerLinks::add_member(interest::Subscription* subscription) {
    members_.emplace(subscription->serial(), subscription);
}

void WorkerLinks::retire(interest::Subscription* subscription) {
    subscription->flags |= interest::Subscription::kClosed;
    if (subscription->is_queue()) members_.erase(subscription->serial());
    retired_subscriptions_.push_back(subscription);
}

interest::Subscription* WorkerLinks::find_member(uint64_t serial) const {
    const auto found = members_.find(serial);
    return found == members_.end() ? nullptr : found->second;
}

// -------------------------------------------------------------------- records, back-pressure

bool WorkerLinks::has_room(base::WorkerId to, size_t bytes) {
    if (!outlets_[index_of(to)].spill.empty()) return false;
    runtime::Mailbox& box = mesh.mailbox(id, to);
    // What can never fit goes when the mailbox is as good as empty; the rest spills.
    return box.has_room(std::min(bytes, box.capacity() / 2));
}

void WorkerLinks::pause_until_room(Link& link, base::WorkerId to, size_t bytes) {
    Outlet& outlet = outlets_[index_of(to)];
    outlet.waiting.push_back(link.handle());
    ++counters.pauses;
    link.pause();
    const size_t capacity = mesh.mailbox(id, to).capacity();
    // Half the mailbox, so that a wake is worth its price.
    const size_t wanted = std::max(std::min(bytes, capacity / 2), capacity / 4);
    if (outlet.spill.empty() && !mesh.wait_for_room(id, to, wanted)) resume_next_turn_ = true;
}

bool WorkerLinks::log_crowded() {
    if (log.crowded()) return true;
    // What waits in a mailbox becomes lines of its worker all at once, when that drains it.
    for (uint32_t i = 0; i < mesh.worker_count(); ++i) {
        const auto to = static_cast<base::WorkerId>(i);
        if (to == id) continue;
        if (mesh.mailbox(id, to).unconsumed_bytes() > kTracedMailboxBytes) return true;
    }
    return false;
}

bool WorkerLinks::pause_until_logged(Link& link) {
    if (!log_crowded()) return false;
    waiting_for_log_.push_back(link.handle());
    link.pause();
    if (!log_timer_.armed()) timers.arm(log_timer_, ring.now_ns() + 1);  // the next tick
    return true;
}

void WorkerLinks::log_timer_fired(runtime::Timer& timer) {
    WorkerLinks& links = static_cast<OwnTimer&>(timer).owner;
    if (links.log_crowded()) return links.timers.arm(timer, links.ring.now_ns() + 1);
    for (const base::LinkHandle handle : std::exchange(links.waiting_for_log_, {})) {
        if (Link* link = links.table.find(handle)) link->resume();
    }
}

runtime::RecordHeader* WorkerLinks::begin_record(base::WorkerId to, size_t size, uint32_t kind) {
    Outlet& outlet = outlets_[index_of(to)];
    if (outlet.spill.empty()) {
        if (auto* record = mesh.mailbox(id, to).reserve(size, kind)) return record;
    }
    ++counters.spilled_records;
    ++spill_count_;
    outlet.spill.push_back(std::make_unique<char[]>(size));
    auto* record = reinterpret_cast<runtime::RecordHeader*>(outlet.spill.back().get());
    *record = {.size = static_cast<uint32_t>(size), .kind = kind};
    return record;
}

void WorkerLinks::commit_record(base::WorkerId to, runtime::RecordHeader* record) {
    Outlet& outlet = outlets_[index_of(to)];
    if (outlet.spill.empty()) mesh.mailbox(id, to).commit(record);
}

void WorkerLinks::drain_spill(base::WorkerId to) {
    Outlet& outlet = outlets_[index_of(to)];
    runtime::Mailbox& box = mesh.mailbox(id, to);
    while (outlet.spill_first < outlet.spill.size()) {
        const auto* kept =
            reinterpret_cast<const runtime::RecordHeader*>(outlet.spill[outlet.spill_first].get());
        runtime::RecordHeader* record = box.reserve(kept->size, kept->kind);
        if (record == nullptr) {
            if (!mesh.wait_for_room(id, to, box.capacity() / 4)) continue;
            return;
        }
        std::memcpy(record + 1, kept + 1, kept->size - sizeof(runtime::RecordHeader));
        box.commit(record);
        ++outlet.spill_first;
    }
    spill_count_ -= outlet.spill.size();
    outlet.spill.clear();
    outlet.spill_first = 0;
}

void WorkerLinks::resume_waiting(base::WorkerId to) {
    std::vector<base::LinkHandle> waiting;
    waiting.swap(outlets_[index_of(to)].waiting);
    for (const base::LinkHandle handle : waiting) {
        if (Link* link = table.find(handle)) link->resume();
    }
}

void WorkerLinks::on_room(base::WorkerId to) {
    if (!outlets_[index_of(to)].spill.empty()) drain_spill(to);
    if (outlets_[index_of(to)].spill.empty()) resume_waiting(to);
}

void WorkerLinks::on_record(base::WorkerId /*from*/, const runtime::RecordHeader& record) {
    switch (static_cast<RecordKind>(record.kind)) {
        case kAdopt:
            adopt(reinterpret_cast<const AdoptRecord&>(record).fd);
            return;
        case kDeliver:
        case kDeliverLarge:
        case kDeliverQueue:
        case kDeliverQueueLarge:
        case kDeliverReply:
        case kDeliverReplyLarge:
        case kDeliverPeer:
        case kDeliverPeerLarge:
            deliver_record(*this, reinterpret_cast<const DeliverRecord&>(record));
            return;
        case kInterest:
            return announce(reinterpret_cast<const InterestRecord&>(record));
    }
    assert(false && "unknown record");
}

// ----------------------------------------------------------------------------- end of a turn

bool WorkerLinks::flush() {
    const bool late_records = internal.has_queued() || has_spill();
    internal.flush();
    const bool resume_now = std::exchange(resume_next_turn_, false);
    if (late_records || resume_now) [[unlikely]] {
        for (uint32_t i = 0; i < outlets_.size(); ++i) {
            const auto to = static_cast<base::WorkerId>(i);
            if (!outlets_[i].spill.empty()) drain_spill(to);
            if (resume_now && outlets_[i].spill.empty()) resume_waiting(to);
        }
        mesh.flush(id);
    }
    const bool ending = report_held() || close_when_delivered();
    const bool releasing = release_some();
    const bool telling = tell_some();
    // While a record waits here nothing is sent: a PONG must not overtake the messages before it. That
    // is not for long, since every worker drains its mailboxes in every turn, whatever else it holds.
    if (!has_spill()) {
        // By index: flushing a link may add others (a closing one queues nothing, but costs no thought).
        for (size_t i = 0; i < dirty.size(); ++i) dirty[i]->flush();
        dirty.clear();
        for (Link* link : retired_links) delete link;
        retired_links.clear();
    }
    out_bytes_at_flush = counters.out_bytes;
    for (interest::Subscription* subscription : retired_subscriptions_) {
        subscriptions.destroy(subscription);
    }
    retired_subscriptions_.clear();
    retired_shadows_.clear();
    const bool drained = table.count() == 0 && abandoned_connects == 0;
    if (drained_ != nullptr && drained) std::exchange(drained_, nullptr)(drained_state_);
    return resume_next_turn_ || internal.has_queued() || ending || releasing || telling;
}

}  // namespace nuring::link

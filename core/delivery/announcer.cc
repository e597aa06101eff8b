// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/announcer.h"

#include <cstring>

#include "core/account/account.h"
#include "core/base/narrow.h"
#include "core/delivery/delivery.h"
#include "core/delivery/records.h"
#include "core/link/link.h"

namespace nuring::delivery {

void Announcer::set_server_count(base::WorkerId worker, size_t count) {
    // relaxed: they are estimates of work
    const uint32_t before =
        server_counts_[index_of(worker)].exchange(static_cast<uint32_t>(count), std::memory_order_relaxed);
    server_count_.fetch_add(static_cast<uint32_t>(count) - before, std::memory_order_relaxed);
    std::atomic<uint64_t>& word = with_servers_[index_of(worker) / 64];
    const uint64_t bit = uint64_t{1} << (index_of(worker) % 64);
    // relaxed: the locks of the sublist's shards order it, see the header
    if (count != 0) {
        word.fetch_or(bit, std::memory_order_relaxed);
    } else {
        word.fetch_and(~bit, std::memory_order_relaxed);
    }
}

interest::WorkerSet Announcer::workers_with_servers() const {
    return interest::WorkerSet::from_words({with_servers_[0].load(std::memory_order_relaxed),
                                            with_servers_[1].load(std::memory_order_relaxed)});
}

void Announcer::on_interest_changed(account::Account& account,
                                    const interest::Subscription& subscription) {
    announce(account, subscription, /*is_of_others=*/false);
}

void Announcer::on_leaf_interest_changed(account::Account& account,
                                         const interest::Subscription& subscription) {
    announce(account, subscription, /*is_of_others=*/true);
}

void Announcer::announce(account::Account& account, const interest::Subscription& subscription,
                         bool is_of_others) {
    const interest::WorkerSet workers = workers_with_servers();
    // Replies to services belong to no worker: a change of accounts announces them (RemoteServers).
    if (workers.empty() || subscription.is_service()) return;
    Delivery& delivery = *workers_[index_of(subscription.worker())];
    uint64_t lines = 0;
    workers.for_each([&](base::WorkerId worker) {
        // relaxed: as in set_server_count()
        uint64_t lines_there = server_counts_[index_of(worker)].load(std::memory_order_relaxed);
        if (subscription.is_queue()) lines_there *= kLinesPerGroupLine;
        lines += lines_there;
        if (worker == delivery.host.id) {
            if (is_of_others) {
                return delivery.servers.announce_others(account, subscription.subject(),
                                                        subscription.queue(), subscription.kind());
            }
            return delivery.servers.announce(account, subscription.subject(), subscription.queue());
        }
        const size_t size =
            sizeof(InterestRecord) + subscription.subject().size() + subscription.queue().size();
        auto* record = reinterpret_cast<InterestRecord*>(
            delivery.outlets.begin_record(worker, size, kInterest));
        record->account = &account;
        record->is_of_others = is_of_others ? 1 : 0;
        record->kind = static_cast<uint8_t>(subscription.kind());
        record->lines = static_cast<uint32_t>(lines_there);
        way(delivery.host.id, worker).left += lines_there;
        record->pattern_size = base::narrow<uint16_t>(subscription.subject().size());
        record->queue_size = base::narrow<uint16_t>(subscription.queue().size());
        char* out = reinterpret_cast<char*>(record + 1);
        std::memcpy(out, subscription.subject().data(), subscription.subject().size());
        std::memcpy(out + subscription.subject().size(), subscription.queue().data(),
                    subscription.queue().size());
        delivery.outlets.commit_record(worker, &record->header);
    });
    delivery.interest_gate.charge_lines(lines);
}

bool Announcer::is_ahead(base::WorkerId from, base::WorkerId to) {
    Way& to_there = way(from, to);
    if (to_there.left - to_there.known_announced < kLinesAheadMax) return false;
    // acquire: pairs with note_announced()
    to_there.known_announced = to_there.announced.load(std::memory_order_acquire);
    return to_there.left - to_there.known_announced >= kLinesAheadMax;
}

// A worker that is ahead waits until the other one has drained some of its mailbox.
bool Announcer::make_room(Delivery& delivery, link::Link& link, size_t names_size) {
    const size_t size = sizeof(InterestRecord) + names_size;
    bool room = true;
    workers_with_servers().without(delivery.host.id).for_each([&](base::WorkerId worker) {
        if (!room) return;
        const bool ahead = is_ahead(delivery.host.id, worker);
        if (!ahead && delivery.outlets.has_room(worker, size)) return;
        room = false;
        delivery.outlets.pause_until_room(link, worker, ahead ? SIZE_MAX : size);
    });
    return room;
}

bool Announcer::must_wait(Delivery& delivery) {
    bool waits = false;
    workers_with_servers().without(delivery.host.id).for_each([&](base::WorkerId worker) {
        if (waits || !is_ahead(delivery.host.id, worker)) return;
        waits = true;
        delivery.outlets.await_room(worker, SIZE_MAX);
    });
    return waits;
}

bool Announcer::lacks_room(Delivery& delivery) {
    bool lacks = false;
    workers_with_servers().without(delivery.host.id).for_each([&](base::WorkerId worker) {
        if (lacks || delivery.outlets.has_room(worker, SIZE_MAX)) return;
        lacks = true;
        delivery.outlets.await_room(worker, SIZE_MAX);
    });
    return lacks;
}

}  // namespace nuring::delivery

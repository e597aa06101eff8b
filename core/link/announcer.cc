// SPDX-License-Identifier: Apache-2.0
#include "core/link/announcer.h"

#include <cstring>

#include "core/account/account.h"
#include "core/link/peer.h"
#include "core/link/worker_links.h"

namespace nuring::link {

void Announcer::set_has_peers(base::WorkerId worker, bool has) {
    std::atomic<uint64_t>& word = peer_workers_[index_of(worker) / 64];
    const uint64_t bit = uint64_t{1} << (index_of(worker) % 64);
    // relaxed: the locks of the sublist's shards order it, see the header
    if (has) {
        word.fetch_or(bit, std::memory_order_relaxed);
    } else {
        word.fetch_and(~bit, std::memory_order_relaxed);
    }
}

interest::WorkerSet Announcer::peer_workers() const {
    return interest::WorkerSet::from_words({peer_workers_[0].load(std::memory_order_relaxed),
                                            peer_workers_[1].load(std::memory_order_relaxed)});
}

void Announcer::on_interest_changed(account::Account& account,
                                    const interest::Subscription& subscription) {
    const interest::WorkerSet workers = peer_workers();
    // Replies to services belong to no worker: a change of accounts announces them (WorkerLinks).
    if (workers.empty() || subscription.kind() == proto::Kind::kAccount) return;
    WorkerLinks& links = *workers_[index_of(subscription.worker())];
    workers.for_each([&](base::WorkerId worker) {
        if (worker == links.id) {
            for (Peer* peer : links.peers()) {
                peer->announce(account, subscription.subject(), subscription.queue());
            }
            return;
        }
        const size_t size =
            sizeof(InterestRecord) + subscription.subject().size() + subscription.queue().size();
        auto* record = reinterpret_cast<InterestRecord*>(links.begin_record(worker, size, kInterest));
        record->account = &account;
        record->pattern_size = static_cast<uint16_t>(subscription.subject().size());
        record->queue_size = static_cast<uint16_t>(subscription.queue().size());
        char* out = reinterpret_cast<char*>(record + 1);
        std::memcpy(out, subscription.subject().data(), subscription.subject().size());
        std::memcpy(out + subscription.subject().size(), subscription.queue().data(),
                    subscription.queue().size());
        links.commit_record(worker, &record->header);
    });
}

bool Announcer::make_room(WorkerLinks& links, Link& link, size_t names_size) const {
    const size_t size = sizeof(InterestRecord) + names_size;
    bool room = true;
    peer_workers().without(links.id).for_each([&](base::WorkerId worker) {
        if (!room || links.has_room(worker, size)) return;
        room = false;
        links.pause_until_room(link, worker, size);
    });
    return room;
}

}  // namespace nuring::link

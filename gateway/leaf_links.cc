// SPDX-License-Identifier: Apache-2.0
#include "gateway/leaf_links.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/link/handover.h"
#include "core/ring/random_name.h"
#include "fmt/format.h"
#include "gateway/leaf_audience.h"
#include "gateway/leaf_interest.h"
#include "gateway/leaf_link.h"

namespace nuring::gateway {

LeafLinks::LeafLinks(server::Server& server, std::shared_ptr<const LeafSettings> settings)
    : workers_(server, proto::Kind::kLeafnode),
      audiences_(server.worker_count()),
      hub_accounts_(server.worker_count()),
      settings_(std::move(settings)) {}

LeafLinks::~LeafLinks() = default;

std::shared_ptr<const LeafSettings> LeafLinks::settings() const {
    const std::lock_guard lock(mutex_);
    return settings_;
}

void LeafLinks::accept(int fd) {
    workers_.accept(fd, [this](delivery::Delivery& delivery, int accepted) {
        (new LeafLink(delivery, accepted, *this))->greet();  // the worker deletes it
    });
}

void LeafLinks::accept(base::WorkerId worker, link::Handover&& connection,
                       const link::WebsocketTerms& terms) {
    delivery::Delivery& delivery = server().worker_state(index_of(worker)).delivery;
    if (!workers_.admit(delivery.host, connection.fd)) return;
    // The worker deletes it.
    (new LeafLink(delivery, std::move(connection), terms, *this))->greet();
}

// ------------------------------------------------------------------------------- remotes

// A remote that stays the same goes on as it is.
void LeafLinks::set_remotes(const std::vector<std::shared_ptr<const LeafRemoteSettings>>& remotes) {
    std::vector<std::shared_ptr<const LeafRemoteSettings>> fresh = remotes;
    std::vector<Placed> kept;
    for (const Placed& placed : placed_) {
        const auto same = std::find_if(fresh.begin(), fresh.end(), [&](const auto& each) {
            return each->options == placed.settings->options;
        });
        if (same == fresh.end()) {
            end(placed);
        } else {
            renew(placed, *same);
            kept.push_back({*same, placed.worker});
            fresh.erase(same);
        }
    }
    for (const auto& settings : fresh) {
        kept.push_back({settings, workers_.take_place()});
        begin(kept.back());
    }
    assert(kept.size() == remotes.size());
    placed_ = std::move(kept);
}

void LeafLinks::begin(const Placed& placed) {
    server().post(placed.worker, [this, placed] {
        if (stopping()) return;
        auto& remotes = workers_.dialings(placed.worker);
        delivery::Delivery& delivery = server().worker_state(placed.worker).delivery;
        remotes.push_back(std::make_unique<LeafRemote>(*this, delivery, placed.settings));
        remotes.back()->start(0);
    });
}

void LeafLinks::renew(const Placed& placed, std::shared_ptr<const LeafRemoteSettings> settings) {
    server().post(placed.worker, [this, placed, settings = std::move(settings)] {
        for (const auto& remote : workers_.dialings(placed.worker)) {
            if (remote->settings() == placed.settings) remote->renew(settings);
        }
    });
}

void LeafLinks::end(const Placed& placed) {
    workers_.leave_place(placed.worker);
    server().post(placed.worker, [this, placed] {
        std::erase_if(workers_.dialings(placed.worker),
                      [&](const auto& each) { return each->settings() == placed.settings; });
    });
}

void LeafLinks::reload(std::shared_ptr<const LeafSettings> settings) {
    std::vector<base::LinkHandle> accepted;
    {
        const std::lock_guard lock(mutex_);
        settings_ = std::move(settings);
        for (const LeafEntry& entry : entries_) {
            if (!entry.is_solicited) accepted.push_back(entry.link);
        }
    }
    // Their users may have gone.
    for (const base::LinkHandle link : accepted) {
        with_link(link, [](LeafLink& leaf) { leaf.on_reload(); });
    }
}

void LeafLinks::stop() {
    workers_.stop();
}

// ------------------------------------------------------------------------------- registry

LeafLinks::Registration LeafLinks::add(const LeafEntry& entry, std::string_view hub_cluster,
                                       std::optional<base::LinkHandle>* replaced) {
    const std::lock_guard lock(mutex_);
    for (const LeafEntry& other : entries_) {
        if (other.account != entry.account) continue;
        if (entry.is_solicited) {
            if (!hub_cluster.empty() && !other.is_solicited && other.cluster == hub_cluster) {
                return Registration::kLoop;
            }
            continue;
        }
        const bool is_same_server =
            !other.is_solicited && other.name == entry.name && other.cluster == entry.cluster;
        // Old servers name no account: two of theirs may have a link each.
        const bool is_same_account =
            !entry.remote_account.empty() && other.remote_account == entry.remote_account;
        if (is_same_server && is_same_account) *replaced = other.link;
    }
    if (replaced->has_value()) {
        remove_entry(**replaced);
    } else if (!entry.account->has_room_for_leafnode()) {
        return Registration::kTooMany;
    }
    entries_.push_back(entry);
    entry.account->add_leafnodes(1);
    return Registration::kAdded;
}

void LeafLinks::closed(LeafLink& link) {
    assert(!link.open());
    if (!link.is_solicited()) workers_.leave_place(index_of(link.handle().worker()));
    const std::lock_guard lock(mutex_);
    remove_entry(link.handle());
}

void LeafLinks::remove_entry(base::LinkHandle link) {
    const auto found = std::find_if(entries_.begin(), entries_.end(),
                                    [link](const LeafEntry& each) { return each.link == link; });
    if (found == entries_.end()) return;
    found->account->add_leafnodes(-1);
    entries_.erase(found);
}

bool LeafLinks::is_excess(const LeafLink& link) const {
    const std::lock_guard lock(mutex_);
    int64_t left = link.account()->excess_leafnodes();
    for (auto each = entries_.rbegin(); each != entries_.rend() && left > 0; ++each) {
        if (each->link == link.handle()) return true;
        if (each->account == link.account()) --left;
    }
    return false;
}

size_t LeafLinks::count() const {
    const std::lock_guard lock(mutex_);
    return entries_.size();
}

LeafAudience& LeafLinks::join_audience(LeafLink& link, account::Account& account,
                                       const LeafAudienceTerms& terms) {
    const base::WorkerId worker = link.handle().worker();
    auto& known = audiences_[index_of(worker)][&account];
    const auto same = std::find_if(known.begin(), known.end(),
                                   [&terms](const auto& each) { return each->terms() == terms; });
    LeafAudience* audience = same == known.end() ? nullptr : same->get();
    if (audience == nullptr) {
        delivery::Delivery& delivery = server().worker_state(index_of(worker)).delivery;
        known.push_back(std::make_unique<LeafAudience>(delivery, account, terms,
                                                       loop_subject(account, delivery.host.ring)));
        audience = known.back().get();
    }
    audience->add(link);
    return *audience;
}

void LeafLinks::leave_audience(LeafLink& link, LeafAudience& audience) {
    assert(!audience.empty());
    audience.remove(link);
    if (!audience.empty()) return;
    Audiences& audiences = audiences_[index_of(link.handle().worker())];
    const auto known = audiences.find(&audience.account());
    assert(known != audiences.end());
    std::erase_if(known->second, [&audience](const auto& each) { return each.get() == &audience; });
    if (known->second.empty()) audiences.erase(known);
}

void LeafLinks::learn_hub_account(base::WorkerId worker, std::string account, std::string name) {
    for (uint32_t i = 0; i < hub_accounts_.size(); ++i) {
        if (i == index_of(worker)) continue;
        server().post(i, [this, i, account, name] { hub_accounts_[i][account] = name; });
    }
    hub_accounts_[index_of(worker)][std::move(account)] = std::move(name);
}

std::string LeafLinks::loop_subject(const account::Account& account, ring::Ring& ring) {
    const std::lock_guard lock(mutex_);
    std::string& subject = loop_subjects_[&account];
    if (subject.empty()) subject = std::string(kLoopPrefix) + ring::random_name(ring);
    return subject;
}

std::string LeafLinks::cluster() const {
    const link::ServerFacts& facts = workers_.server().facts();
    const auto view = facts.cluster_views.now();
    return view != nullptr && !view->cluster.empty() ? view->cluster : facts.info.cluster;
}

std::string LeafLinks::leaf_cluster() const {
    std::string name = cluster();
    return name.empty() ? workers_.server().facts().info.server_name : name;
}

void LeafLinks::with_link(base::LinkHandle link, std::function<void(LeafLink&)> function) {
    workers_.with_link<LeafLink>(link, std::move(function));
}

}  // namespace nuring::gateway

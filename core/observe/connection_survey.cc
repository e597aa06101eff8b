// SPDX-License-Identifier: Apache-2.0
#include "core/observe/connection_survey.h"

#include <algorithm>
#include <cassert>

#include "core/client/client.h"
#include "core/client/client_host.h"
#include "proto/subject.h"

namespace nuring::observe {
namespace {

// By the alphabet of the texts, as the reference sorts them.
uint64_t reason_rank(link::CloseReason reason) {
    uint64_t rank = 0;
    for (unsigned i = 0; i < link::kCloseReasonCount; ++i) {
        if (to_text(static_cast<link::CloseReason>(i)) < to_text(reason)) ++rank;
    }
    return rank;
}

}  // namespace

uint64_t sort_key(ConnectionSort sort, const client::ConnectionSnapshot& connection,
                  uint64_t now_ns) {
    switch (sort) {  // ~: the largest first
        case ConnectionSort::kCid: return 0;
        case ConnectionSort::kSubscriptions: return ~uint64_t{connection.subscription_count};
        case ConnectionSort::kPending: return ~connection.pending_bytes;
        case ConnectionSort::kMessagesTo: return ~connection.traffic.out_messages;
        case ConnectionSort::kMessagesFrom: return ~connection.traffic.in_messages;
        case ConnectionSort::kBytesTo: return ~connection.traffic.out_bytes;
        case ConnectionSort::kBytesFrom: return ~connection.traffic.in_bytes;
        case ConnectionSort::kLast: return ~connection.last_activity_ns;
        case ConnectionSort::kIdle: return connection.last_activity_ns;
        case ConnectionSort::kUptime: {
            const uint64_t end = connection.stop_ns != 0 ? connection.stop_ns : now_ns;
            return end - std::min(end, connection.start_ns);
        }
        case ConnectionSort::kStop: return ~connection.stop_ns;
        case ConnectionSort::kReason: return reason_rank(connection.reason);
        case ConnectionSort::kRtt: return ~connection.rtt_ns;
    }
    return 0;
}

bool ConnectionSurvey::step(const WorkerView& worker) {
    switch (stage_) {
        case Stage::kOpen:
            if (wants(ConnectionState::kOpen)) {
                walk_open(worker);
            } else {
                stage_ = Stage::kClosed;
            }
            return false;
        case Stage::kClosed:
            if (wants(ConnectionState::kClosed)) {
                walk_closed(worker);
            } else {
                begin_copies();
            }
            return false;
        case Stage::kCopy: break;
    }
    return copy(worker);
}

void ConnectionSurvey::walk_open(const WorkerView& worker) {
    const uint64_t wall_ns = worker.host.ring.wall_ns();
    const link::LinkTable& table = worker.host.table;
    size_t budget = kSliceSubscriptions;
    for (size_t seen = 0; seen < kSliceLinks && position_ < table.slot_count(); ++seen) {
        const client::Client* client = client::as_client(table.at(position_));
        const bool is_open = client != nullptr && client->open();
        if (!is_open || client->handle() != walked_) subscription_position_ = 0;  // that one has gone
        if (is_open && !consider_open(*client, wall_ns, &budget)) {
            walked_ = client->handle();
            return;  // goes on with this one
        }
        ++position_;
    }
    if (position_ < table.slot_count()) return;
    stage_ = Stage::kClosed;
    position_ = 0;
}

// False: its many subscriptions need another slice.
bool ConnectionSurvey::consider_open(const client::Client& client, uint64_t wall_ns,
                                     size_t* budget) {
    if (!query_.subject_filter.empty() && *budget == 0) return false;
    if (subscription_position_ == 0) {
        client.copy_numbers(wall_ns, &numbers_);
        if (!passes(numbers_, client.account().name(), client.user())) return true;
    }
    if (!query_.subject_filter.empty()) {
        bool overlaps = false;
        size_t seen = 0;
        subscription_position_ = client.subscriptions().visit_some(
            subscription_position_, *budget, [&](const interest::Subscription& each) {
                overlaps |= proto::subjects_collide(query_.subject_filter, each.subject());
                ++seen;
            });
        *budget -= std::min(*budget, seen);
        if (!overlaps && subscription_position_ != 0) return false;
        subscription_position_ = 0;
        if (!overlaps) return true;
        client.copy_numbers(wall_ns, &numbers_);
    }
    keep({.key = sort_key(query_.sort, numbers_, query_.now_ns),
          .cid = numbers_.cid,
          .link = client.handle(),
          .closed_index = 0});
    return true;
}

void ConnectionSurvey::walk_closed(const WorkerView& worker) {
    client::ClosedConnections& closed = worker.clients.closed;
    closed.drop_old();
    position_ = std::max(position_, closed.begin());
    const size_t end = std::min(closed.end(), position_ + kSliceLinks);
    for (; position_ < end; ++position_) {
        const client::ConnectionSnapshot& connection = closed.at(position_);
        if (!passes(connection, connection.account, connection.user)) continue;
        if (!query_.subject_filter.empty() &&
            std::none_of(connection.subscriptions.begin(), connection.subscriptions.end(),
                         [this](const client::SubscriptionSnapshot& each) {
                             return proto::subjects_collide(query_.subject_filter, each.subject);
                         })) {
            continue;
        }
        keep({.key = sort_key(query_.sort, connection, query_.now_ns),
              .cid = connection.cid,
              .link = {},
              .closed_index = position_});
    }
    if (position_ >= closed.end()) begin_copies();
}

bool ConnectionSurvey::passes(const client::ConnectionSnapshot& connection,
                              std::string_view account, std::string_view user) const {
    if (!query_.account.empty() && account != query_.account) return false;
    return (query_.cid == 0 || connection.cid == query_.cid) &&
           (query_.user.empty() || user == query_.user);
}

void ConnectionSurvey::keep(const Place& place) {
    ++total_;
    assert(places_.size() <= query_.count_max);
    if (places_.size() < query_.count_max) {
        places_.push_back(place);
        std::push_heap(places_.begin(), places_.end());
    } else if (!places_.empty() && place < places_.front()) {
        std::pop_heap(places_.begin(), places_.end());
        places_.back() = place;
        std::push_heap(places_.begin(), places_.end());
    }
}

void ConnectionSurvey::begin_copies() {
    std::sort_heap(places_.begin(), places_.end());
    connections_.reserve(places_.size());
    stage_ = Stage::kCopy;
    position_ = 0;
}

bool ConnectionSurvey::copy(const WorkerView& worker) {
    size_t budget = kSliceSubscriptions;
    for (size_t copied = 0; copied < kSliceCopies && position_ < places_.size(); ++copied) {
        const Place& place = places_[position_];
        if (place.link != base::LinkHandle()) {
            if (!copy_open(worker, place, &budget)) return false;
        } else if (place.closed_index >=
                   worker.clients.closed.begin()) {  // else: dropped meanwhile
            connections_.push_back(worker.clients.closed.at(place.closed_index));
        }
        ++position_;
    }
    return position_ == places_.size();
}

// False: its many subscriptions need another slice.
bool ConnectionSurvey::copy_open(const WorkerView& worker, const Place& place, size_t* budget) {
    link::Link* link = worker.host.table.find(place.link);
    if (link == nullptr || !link->open()) {  // has gone meanwhile
        subscription_position_ = 0;
        return true;
    }
    if (query_.subscriptions && *budget == 0) return false;
    auto& client = static_cast<client::Client&>(*link);
    if (subscription_position_ == 0) {
        client::ConnectionSnapshot& out = connections_.emplace_back();
        client.copy_numbers(worker.host.ring.wall_ns(), &out);
        client.copy_texts(&out);
        if (query_.certificates) client.copy_certificates(&out);
        if (!query_.subscriptions) return true;
    }
    client::ConnectionSnapshot& out = connections_.back();
    const size_t before = out.subscriptions.size();
    subscription_position_ =
        client.copy_subscriptions(subscription_position_, *budget, &out.subscriptions);
    *budget -= std::min(*budget, out.subscriptions.size() - before);
    return subscription_position_ == 0;
}

}  // namespace nuring::observe

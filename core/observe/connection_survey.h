// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/ids.h"
#include "core/client/connection_snapshot.h"
#include "core/observe/connection_query.h"
#include "core/observe/survey.h"

namespace nuring::client {
class Client;
}

namespace nuring::observe {

// ConnectionSurvey finds the first connections of one worker in the order of a query, and copies those
// only: first a walk over all links that keeps keys, then the copies.
// Threads, errors: as Survey. Limits: memory for count_max keys and copies.
// Source: ours; meaning of the query as in server/monitor.go, Connz 2.15.3.
class ConnectionSurvey final : public Survey {
  public:
    explicit ConnectionSurvey(ConnectionQuery query) : query_(std::move(query)) {}

    bool step(const WorkerView& worker) override;

    // How many match the query, also beyond count_max.
    uint64_t total() const { return total_; }
    std::vector<client::ConnectionSnapshot>& connections() { return connections_; }

  private:
    enum class Stage : uint8_t { kOpen, kClosed, kCopy };
    struct Place {
        uint64_t key;
        uint64_t cid;
        base::LinkHandle link;  // of an open one
        size_t closed_index;    // of a closed one

        bool operator<(const Place& other) const {
            return key != other.key ? key < other.key : cid < other.cid;
        }
    };

    bool wants(ConnectionState state) const {
        return query_.state == state || query_.state == ConnectionState::kAll;
    }
    void walk_open(const WorkerView& worker);
    void walk_closed(const WorkerView& worker);
    void begin_copies();
    bool copy(const WorkerView& worker);
    bool copy_open(const WorkerView& worker, const Place& place, size_t* budget);
    bool consider_open(const client::Client& client, uint64_t wall_ns, size_t* budget);
    bool passes(const client::ConnectionSnapshot& connection, std::string_view account,
                std::string_view user) const;
    void keep(const Place& place);

    const ConnectionQuery query_;
    Stage stage_ = Stage::kOpen;
    size_t position_ = 0;               // of the walk, or of the copying
    size_t subscription_position_ = 0;  // within the connection that is looked at or copied
    base::LinkHandle walked_;           // the walk goes on within this one's subscriptions
    uint64_t total_ = 0;
    client::ConnectionSnapshot numbers_;  // of the connection that is looked at
    std::vector<Place> places_;           // a heap while walking: the last in the order is in front
    std::vector<client::ConnectionSnapshot> connections_;
};

}  // namespace nuring::observe

// SPDX-License-Identifier: Apache-2.0
#include "core/observe/heavy_hitters_survey.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "core/client/client.h"
#include "core/client/heavy_hitters.h"

namespace nuring::observe {

bool HeavyHittersSurvey::step(const WorkerView& worker) {
    const uint64_t now_ns = worker.host.ring.now_ns();
    client::HeavyHitters& hitters = worker.clients.heavy_hitters;
    hitters.refresh(now_ns);
    absl::flat_hash_map<uint64_t, size_t> subject_at;
    absl::flat_hash_map<uint64_t, size_t> connection_at;
    for (const client::HeavyHitters::Window* window : {&hitters.previous(), &hitters.current()}) {
        if (window->begin_ns != 0) window_ns_ = std::max(window_ns_, now_ns - window->begin_ns);
        window->subjects.for_each(
            [&](uint64_t key, const client::HeavyHitters::Subjects::Entry& entry) {
                const auto [place, fresh] = subject_at.emplace(key, subjects_.size());
                if (fresh) {
                    subjects_.push_back(
                        {.account = entry.label.account->name(), .subject = entry.label.subject});
                }
                subjects_[place->second].messages += entry.messages;
                subjects_[place->second].bytes += entry.bytes;
            });
        window->connections.for_each(
            [&](uint64_t cid, const client::HeavyHitters::Connections::Entry& entry) {
                const auto [place, fresh] = connection_at.emplace(cid, connections_.size());
                if (fresh) {
                    TopConnection& connection = connections_.emplace_back();
                    connection.cid = cid;
                    // Only clients are noted; one that has gone has no name any more.
                    if (const link::Link* link = worker.host.table.find(entry.label.link)) {
                        const auto& client = static_cast<const client::Client&>(*link);
                        connection.name = client.name();
                        connection.account = client.account().name();
                    }
                }
                connections_[place->second].messages += entry.messages;
                connections_[place->second].bytes += entry.bytes;
            });
    }
    return true;
}

}  // namespace nuring::observe

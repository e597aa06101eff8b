// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace nuring::link {

// What clients are told of the cluster that this server is part of.
struct ClusterView {
    uint64_t serial = 0;  // grows whenever the URLs change
    std::string cluster;
    std::vector<std::string> connect_urls;  // this server's own come first
};

// ClusterViews holds the view of now, for all workers at once: who has seen an INFO with it may connect to
// any worker, and must not be told less.
// Threads: any; the mutex is taken for a moment per INFO. Errors: none.
class ClusterViews {
  public:
    // Null: nothing is known of other servers.
    std::shared_ptr<const ClusterView> now() const {
        const std::lock_guard lock(mutex_);
        return view_;
    }
    void set(std::shared_ptr<const ClusterView> view) {
        const std::lock_guard lock(mutex_);
        view_ = std::move(view);
    }

  private:
    mutable std::mutex mutex_;
    std::shared_ptr<const ClusterView> view_;  // guarded by mutex_
};

}  // namespace nuring::link

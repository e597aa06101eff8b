// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace nuring::link {

// The part of a client's INFO about the cluster of this server.
struct ClusterView {
    uint64_t serial = 0;     // grows whenever connect_urls change
    uint64_t ws_serial = 0;  // the same, of ws_connect_urls
    std::string cluster;
    std::vector<std::string> connect_urls;  // this server's own come first
    std::vector<std::string> other_urls;    // of other servers: the list of a lame duck's INFO
    // The same, of WebSocket ports.
    std::vector<std::string> ws_connect_urls;
    std::vector<std::string> ws_other_urls;
    std::vector<std::string> leafnode_urls;  // where leafnodes find the other servers
};

// ClusterViews holds the current view, one for all workers: a client that has seen it in an INFO may
// connect to any worker, and must not get an older one there.
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

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cstdint>
#include <functional>
#include <latch>
#include <memory>
#include <utility>
#include <vector>

#include "core/base/ids.h"
#include "core/link/link_table.h"
#include "core/link/stranger_list.h"
#include "core/server/drain.h"
#include "core/server/server.h"
#include "core/server_link/retry_dialer.h"

namespace nuring::server {

// LinkWorkers spreads the links to other servers of one kind, and what dials them, over the workers: a new
// one goes to the worker with the fewest. `Dialing` is what dials one target and is owned here; dial(),
// dialing_of() and forget() need its member `dialer`, a RetryDialer.
//
// Threads:  any, unless said otherwise; it takes no lock.
// Lifetime: outlives the workers' links; stop() while the workers still run.
template <typename Dialing>
class LinkWorkers {
  public:
    LinkWorkers(Server& server, proto::Kind kind)
        : server_(server), outlives_clients_(outlives_clients(kind)) {
        for (uint32_t i = 0; i < server.worker_count(); ++i) {
            workers_.push_back(std::make_unique<PerWorker>());
        }
    }

    Server& server() const { return server_; }
    bool stopping() const { return stopping_.load(std::memory_order_acquire); }
    // Of that worker's thread, both.
    link::StrangerList& strangers(base::WorkerId worker) { return of(index_of(worker)).strangers; }
    std::vector<std::unique_ptr<Dialing>>& dialings(uint32_t worker) { return of(worker).dialings; }

    // The worker with the fewest links. Counts one more there, so that several that come at once spread.
    uint32_t take_place() {
        uint32_t best = 0;
        for (uint32_t i = 1; i < workers_.size(); ++i) {
            // relaxed, like all on the counters: another worker would do as well
            if (workers_[i]->link_count.load(std::memory_order_relaxed) <
                workers_[best]->link_count.load(std::memory_order_relaxed)) {
                best = i;
            }
        }
        workers_[best]->link_count.fetch_add(1, std::memory_order_relaxed);
        return best;
    }
    void leave_place(uint32_t worker) {
        const int64_t before = of(worker).link_count.fetch_sub(1, std::memory_order_relaxed);
        assert(before > 0);
        (void)before;
    }

    // An accepted connection: `adopt` makes the link, on its worker.
    template <typename Adopt>
    void accept(int fd, Adopt adopt) {
        const uint32_t index = take_place();
        server_.post(index, [this, index, fd, adopt] {
            delivery::Delivery& delivery = server_.worker_state(index).delivery;
            if (!refuses(delivery.host)) return adopt(delivery, fd);
            leave_place(index);
            delivery.host.ring.close(fd);
        });
    }
    // A connection that was dialed, on its worker. False: the server takes no links any more, and `fd` is
    // closed; else the link is counted.
    [[nodiscard]] bool admit(link::LinkHost& host, int fd) {
        if (refuses(host)) {
            host.ring.close(fd);
            return false;
        }
        of(index_of(host.id)).link_count.fetch_add(1, std::memory_order_relaxed);
        return true;
    }

    // Makes a Dialing on the worker with the fewest and starts it after that time.
    template <typename Make>
    void dial(uint64_t delay_ns, Make make) {
        const uint32_t index = take_place();
        server_.post(index, [this, index, delay_ns, make = std::move(make)] {
            if (stopping()) return;
            auto& all = dialings(index);
            all.push_back(make(server_.worker_state(index)));
            all.back()->dialer.start(delay_ns);
        });
    }
    // On the dialer's worker.
    Dialing& dialing_of(const server_link::RetryDialer& dialer) {
        const auto& all = dialings(index_of(dialer.delivery().host.id));
        const auto own = std::find_if(all.begin(), all.end(),
                                      [&](const auto& each) { return &each->dialer == &dialer; });
        assert(own != all.end());
        return **own;
    }
    // On the dialer's worker, maybe from within it: it goes in a task of its own.
    void forget(const server_link::RetryDialer& dialer) {
        const uint32_t index = index_of(dialer.delivery().host.id);
        leave_place(index);
        server_.post(index, [this, index, gone = &dialer] {
            std::erase_if(dialings(index), [gone](const auto& each) { return &each->dialer == gone; });
        });
    }

    // Runs on the link's worker, if the link still stands there. The handle is one of a `Kind`.
    template <typename Kind>
    void with_link(base::LinkHandle link, std::function<void(Kind&)> function) {
        const uint32_t index = index_of(link.worker());
        server_.post(index, [this, index, link, function = std::move(function)] {
            if (link::Link* found = server_.worker_state(index).host.table.find(link)) {
                function(static_cast<Kind&>(*found));
            }
        });
    }
    // Runs on every worker, soon.
    template <typename Function>
    void on_all(Function function) {
        for (uint32_t index = 0; index < workers_.size(); ++index) {
            server_.post(index, [&state = server_.worker_state(index), function] { function(state); });
        }
    }

    // Control thread: dials nobody from now on; returns when nothing that dials is left on any worker.
    void stop() {
        stopping_.store(true, std::memory_order_release);
        std::latch gone(static_cast<std::ptrdiff_t>(workers_.size()));
        for (uint32_t index = 0; index < workers_.size(); ++index) {
            server_.post(index, [this, index, &gone] {
                dialings(index).clear();
                gone.count_down();
            });
        }
        gone.wait();
    }

  private:
    struct PerWorker {
        std::vector<std::unique_ptr<Dialing>> dialings;  // of that worker's thread
        link::StrangerList strangers{link::kStrangersMax};  // likewise
        std::atomic<int64_t> link_count{0};              // and what dials
    };

    PerWorker& of(uint32_t worker) {
        assert(worker < workers_.size());
        return *workers_[worker];
    }
    bool refuses(const link::LinkHost& host) const {
        return stopping() || (outlives_clients_ ? host.refuses_links() : host.refuses_clients());
    }

    Server& server_;
    const bool outlives_clients_;
    std::vector<std::unique_ptr<PerWorker>> workers_;
    std::atomic<bool> stopping_{false};
};

}  // namespace nuring::server

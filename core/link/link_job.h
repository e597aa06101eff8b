// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>

#include "core/base/ids.h"
#include "core/link/link.h"
#include "core/link/link_host.h"
#include "core/runtime/jobs.h"

namespace nuring::link {

// LinkJob is a job of one link: it computes on a jobs thread, and its result goes to the link, if that is
// still open then. The job of a link that has ended computes nothing: a storm of logins leaves no work.
// Threads: compute() on a jobs thread; everything else on the link's worker. Errors: none.
class LinkJob : public runtime::Job {
  public:
    LinkJob(LinkHost& host, Link& link) : host_(host), handle_(link.handle()), ended_(link.ended()) {}

    void work() final {
        // relaxed: a job that misses it only works in vain
        if (!ended_->load(std::memory_order_relaxed)) compute();
    }
    void run() final {
        Link* link = host_.table.find(handle_);
        if (link != nullptr && link->open()) finish(*link);
    }

  protected:
    LinkHost& host_;

  private:
    virtual void compute() = 0;
    // `link` is the one that the job was made for.
    virtual void finish(Link& link) = 0;

    const base::LinkHandle handle_;
    const std::shared_ptr<const std::atomic<bool>> ended_;
};

}  // namespace nuring::link

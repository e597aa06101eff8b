// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "core/base/ids.h"
#include "core/link/link_host.h"
#include "core/runtime/owned_timer.h"

namespace nuring::link {
class Link;
}

namespace nuring::delivery {

// LogGate pauses links whose operations are traced while the log has no room for the lines: tracing may slow
// traffic down, and is complete.
// Threads: its worker. Limits: kTracedMailboxBytes. Errors: none.
class LogGate {
  public:
    explicit LogGate(link::LinkHost& host) : host_(host) {}
    ~LogGate() { host_.timers.disarm(timer_); }
    LogGate(const LogGate&) = delete;
    LogGate& operator=(const LogGate&) = delete;

    // Is the log so full, with the lines that are on their way to other workers, that traces may be lost?
    // Then the link is paused until they are written.
    bool pause_until_logged(link::Link& link);

  private:
    bool is_crowded() const;
    void on_timer();

    link::LinkHost& host_;
    runtime::OwnedTimer<LogGate, &LogGate::on_timer> timer_{*this};
    std::vector<base::LinkHandle> waiting_;
};

}  // namespace nuring::delivery

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "core/server/subsystem.h"

namespace nuring::monitor {

// The monitoring pages over HTTP (http, https and their like in the options); null if they are off.
// Threads: the subsystem's; pages are made on two threads of its own, at a lower priority than the workers
//          (http_server.h).
// Limits:  expensive pages are cached for 100 times their build time, 2 s at most, so that a poll at any rate
//          costs the workers about 1 % (AnswerCache).
// Errors:  start() fails as the reference does when it cannot listen on the port.
// Source:  server/server.go, StartMonitoring 2.0.0-RC19; pages.h.
std::unique_ptr<server::Subsystem> create_monitor(const config::Options& options);

}  // namespace nuring::monitor

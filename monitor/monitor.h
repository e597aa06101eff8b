// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "core/server/subsystem.h"

namespace nuring::monitor {

// The monitoring pages over HTTP (http, https and their like in the options); null if they are off.
// Threads: the subsystem's; pages are made on one thread of its own, at a lower priority than the workers.
// Limits:  a page that took long to make is served again for a hundred times as long, so that whoever
//          polls, however fast, costs the workers 1 % at most (monitor.cc, AnswerCache).
// Errors:  start() fails as the reference does when the port cannot be had.
// Source:  server/server.go, StartMonitoring 2.0.0-RC19; pages.h.
std::unique_ptr<server::Subsystem> create_monitor(const config::Options& options);

}  // namespace nuring::monitor

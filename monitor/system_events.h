// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "core/server/subsystem.h"

namespace nuring::monitor {

// The server's messages in the system account, under $SYS: events of clients, accounts and of
// itself, and the monitoring pages as answers. Null without a system account.
// Threads: events are written on the client's worker; answers and what concerns all workers on a thread of
//          their own (answer_thread.h), so that the control thread never waits for them.
// Limits:  an event is written only if it has a subscriber; requests wait in an AnswerQueue.
// Errors:  a bad request is answered with an error object, or not at all where it has no reply subject.
//          Requests that find no room are counted and logged.
// Source:  server/events.go 2.9.10.
std::unique_ptr<server::Subsystem> create_system_events(const config::Options& options);

}  // namespace nuring::monitor

// SPDX-License-Identifier: Apache-2.0
// The answers under $SYS.REQ.SERVER that no page has: STATSZ, which is the server's heartbeat, too, and IDZ.
// Threads: that of the answers. Errors: none. Source: server/events.go 2.9.10, sendStatsz and idzReq.
#pragma once

#include <string>

#include "monitor/event_writer.h"
#include "monitor/pages.h"
#include "proto/info.h"

namespace nuring::monitor {

std::string make_statsz(const Sources& from, EventWriter* writer);
std::string make_idz(const proto::ServerInfo& info);

}  // namespace nuring::monitor

// SPDX-License-Identifier: Apache-2.0
// Requests of the operator that act on the server or on one of its connections.
#pragma once

#include "monitor/pages.h"

namespace nuring::monitor {

// Like pages, but without a body: a status that is good is the whole answer. `cid` names the connection.
// Threads: as pages. Errors: the texts of the reference.
// Source:  reloadConfig, kickClient, ldmClient in server/events.go 2.15.
absl::Status reload_server(const Sources& sources, const Query& query, HttpAnswer* answer);
absl::Status kick_connection(const Sources& sources, const Query& query, HttpAnswer* answer);
// Sends the client the INFO of a lame duck.
absl::Status announce_lame_duck(const Sources& sources, const Query& query, HttpAnswer* answer);

}  // namespace nuring::monitor

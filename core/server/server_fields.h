// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "core/config/options.h"
#include "proto/json_writer.h"

namespace nuring::server {

class Server;

// The fields of `server` in events and in answers under $SYS:
// {"name","host","id","cluster"?,"ver","tags"?,"seq","jetstream","time"}: seq grows with every message.
// Threads: any. Errors: none. Source: ServerInfo in server/events.go 2.9.10.
void write_server_fields(proto::JsonWriter* json, Server& server, const config::Options& options,
                         uint64_t wall_ns);

}  // namespace nuring::server

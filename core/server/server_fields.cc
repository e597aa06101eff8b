// SPDX-License-Identifier: Apache-2.0
#include "core/server/server_fields.h"

#include <string>

#include "core/base/rfc3339.h"
#include "core/server/server.h"

namespace nuring::server {

void write_server_fields(proto::JsonWriter* json, Server& server, const config::Options& options,
                         uint64_t wall_ns) {
    const proto::ServerInfo& info = server.facts().info;
    json->field("name", info.server_name);
    json->field("host", info.host);
    json->field("id", info.server_id);
    json->optional_field("cluster", server.cluster_name(options));
    json->field("ver", info.version);
    if (!options.server_tags.empty()) {
        json->begin_array("tags");
        for (const std::string& tag : options.server_tags) json->value(tag);
        json->end_array();
    }
    json->field("seq", server.facts().take_sequence());
    json->field("jetstream", false);
    json->field("time", base::format_rfc3339(wall_ns));
}

}  // namespace nuring::server

// SPDX-License-Identifier: Apache-2.0
#include "tools/server/assemble.h"

#include <utility>

#include "cluster/cluster.h"
#include "gateway/gateway.h"
#include "gateway/leaf_nodes.h"
#include "monitor/monitor.h"
#include "monitor/system_events.h"
#include "core/websocket/websocket_port.h"

namespace nuring::tools {

server::Subsystems assemble(const config::Options& options) {
    server::Subsystems subsystems;
    if (auto cluster = cluster::create_cluster(options)) subsystems.push_back(std::move(cluster));
    if (auto gateway = gateway::create_gateway(options)) subsystems.push_back(std::move(gateway));
    auto websocket = websocket::create_websocket_port(options);
    auto leafnodes = gateway::create_leafnodes(websocket.get());
    if (websocket != nullptr) subsystems.push_back(std::move(websocket));
    subsystems.push_back(std::move(leafnodes));
    if (auto monitor = monitor::create_monitor(options)) subsystems.push_back(std::move(monitor));
    if (auto events = monitor::create_system_events(options)) subsystems.push_back(std::move(events));
    return subsystems;
}

}  // namespace nuring::tools

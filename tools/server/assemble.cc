// SPDX-License-Identifier: Apache-2.0
#include "tools/server/assemble.h"

#include <utility>

#include "cluster/cluster.h"
#include "monitor/monitor.h"
#include "monitor/system_events.h"

namespace nuring::tools {

server::Subsystems assemble(const config::Options& options) {
    server::Subsystems subsystems;
    if (auto cluster = cluster::create_cluster(options)) subsystems.push_back(std::move(cluster));
    if (auto monitor = monitor::create_monitor(options)) subsystems.push_back(std::move(monitor));
    if (auto events = monitor::create_system_events(options)) subsystems.push_back(std::move(events));
    return subsystems;
}

}  // namespace nuring::tools

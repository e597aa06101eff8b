// SPDX-License-Identifier: Apache-2.0
#include "tools/server/assemble.h"

#include <utility>

#include "monitor/monitor.h"

namespace nuring::tools {

server::Subsystems assemble(const config::Options& options) {
    server::Subsystems subsystems;
    if (auto monitor = monitor::create_monitor(options)) subsystems.push_back(std::move(monitor));
    return subsystems;
}

}  // namespace nuring::tools

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/config/diagnostics.h"
#include "core/config/options.h"
#include "core/server/subsystem.h"

namespace nuring::server {

// Reads the configuration anew, flags included. Null when it is not valid: the errors are in `found`.
using ReadOptions = std::function<std::shared_ptr<config::Options>(config::Diagnostics* found)>;

// The names of the process.
struct ProgramNames {
    std::string file;    // the last part of argv[0]: syslog, ports file
    std::string shown;   // nats-uring, or nats-server where it stands in for that
    std::string commit;  // of the sources
};

// Runs one server as this process until a signal ends it: pid file, log, rings, threads, signals,
// reload. The calling thread becomes the control thread. `found` has the notices and warnings of the
// options, for the log.
// Errors: printed as the reference prints them; returns the exit code.
// Lifetime: once per process (it blocks signals and raises the limit of open files).
int run_process(std::shared_ptr<const config::Options> options, ProgramNames names,
                config::Diagnostics found, ReadOptions read_options, Subsystems subsystems);

}  // namespace nuring::server

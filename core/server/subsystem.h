// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/config/options.h"

namespace nuring::server {

class Server;

// One address of the ports file: {"monitoring":["http://127.0.0.1:8222"]}.
struct PortsEntry {
    std::string kind;
    std::string scheme;
    std::string host;  // a wildcard: the file lists every address of this machine
    uint16_t port = 0;
};

// Subsystem is a part of the process that lives in a folder above core/server (monitoring, other servers)
// and that the program hands to run_process(); tools/server/assemble.h has the list.
// Threads: all calls on the control thread. It posts its work for a worker there (Worker::post()) or
//          asks as a survey (survey_runner.h).
// Errors:  start() returns why it cannot run, and the process ends with that text.
// Lifetime: start() once, reload() any number of times, stop() once, even after a failed start().
class Subsystem {
  public:
    virtual ~Subsystem() = default;

    // The server has its rings and accounts, but no worker runs yet. Opens listeners, starts threads.
    virtual absl::Status start(Server& server, std::shared_ptr<const config::Options> options) = 0;
    // The workers run and clients may connect.
    virtual void on_ready() {}
    // The server becomes a lame duck.
    virtual void enter_lame_duck() {}
    // New options, checked and already with the workers.
    virtual void reload(std::shared_ptr<const config::Options> options) = 0;
    // Ends its threads, closes its listeners. The workers still run; none may call it afterwards.
    virtual void stop() = 0;

    virtual std::vector<PortsEntry> ports() const { return {}; }
    // One line each, for the log, after start().
    virtual std::vector<std::string> notices() const { return {}; }
    // A warning about a setting for tests only, logged at the start and when a reload brings it. Empty: none.
    virtual std::string warning() const { return {}; }
};

using Subsystems = std::vector<std::unique_ptr<Subsystem>>;

}  // namespace nuring::server

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string_view>

#include "bench/load/options.h"

namespace nuring::bench {

// ServerProcess starts the server of options.server_path on a free port of 127.0.0.1, finds the
// port in its log, and stops it (SIGTERM, after 10 s SIGKILL) when it goes out of scope. The child
// dies with the generator, however that ends.
// Threads: one. Errors: a server that does not start within 20 s ends the generator.
class ServerProcess {
  public:
    // Starts nothing if options.server_path is empty. Fills endpoint and server_pids.
    explicit ServerProcess(Options* options);
    ~ServerProcess() { stop(); }
    ServerProcess(const ServerProcess&) = delete;
    ServerProcess& operator=(const ServerProcess&) = delete;

    // Returns the wait status of the server, 0 if there is none.
    int stop();

  private:
    uint16_t read_port(std::string_view listening);

    pid_t pid_ = 0;
    int log_fd_ = -1;
};

}  // namespace nuring::bench

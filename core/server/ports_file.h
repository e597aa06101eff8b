// SPDX-License-Identifier: Apache-2.0
// The file in which other programs read the ports of a server.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/server/subsystem.h"

namespace nuring::server {

// PortsFile is `<folder>/<program>_<pid>.ports`, JSON like {"nats":["nats://127.0.0.1:4222"]}, from
// write() until remove() or its end.
// Threads: the control thread. Errors: write() names the file.
// Source:  server/server.go, logPorts 2.0.0-RC19.
class PortsFile {
  public:
    PortsFile() = default;
    ~PortsFile() { remove(); }
    PortsFile(const PortsFile&) = delete;
    PortsFile& operator=(const PortsFile&) = delete;

    // Entries of one kind stand together. An earlier file elsewhere goes once this one stands.
    [[nodiscard]] absl::Status write(const std::string& folder, const std::string& program,
                                     const std::vector<PortsEntry>& entries);
    void remove();

  private:
    std::string path_;  // empty: nothing was written
};

}  // namespace nuring::server

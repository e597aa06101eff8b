// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace nuring::link {

// ServerEvents observes the other servers to which this one has links.
// Threads: the link's worker, in the middle of a turn: must not block, close a link, or deliver.
// Errors:  none.
class ServerEvents {
  public:
    // A link to that server is registered.
    virtual void on_server_joined(const std::string& server_id) = 0;
    // That link has closed. The server may still be there, over another link.
    virtual void on_server_left(const std::string& server_id) = 0;

  protected:
    ~ServerEvents() = default;
};

}  // namespace nuring::link

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "proto/kind.h"

namespace nuring::account {
class Account;
}

namespace nuring::delivery {

// InterestListener announces changes of interest to other servers: one link, or several with the same lines.
// Threads: its worker. Lifetime: from RemoteServers::listen() until unlisten().
class InterestListener {
  public:
    // The interest of this server in that pattern may have changed; the sublist has the new one. `queue` is
    // empty for plain subscriptions.
    virtual void announce(account::Account& account, std::string_view pattern, std::string_view queue) = 0;
    // Is what connections of that kind want announced here, too? Then announce() is called for those changes
    // as well.
    virtual bool listens_to(proto::Kind of) const = 0;

  protected:
    ~InterestListener() = default;
};

}  // namespace nuring::delivery

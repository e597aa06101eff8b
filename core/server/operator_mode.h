// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "core/auth/trust.h"
#include "core/config/options.h"
#include "core/log/log.h"
#include "core/runtime/owned_timer.h"
#include "core/server/claims_requests.h"

namespace nuring::server {

class Server;

// The trust of this server in operator mode, checked as far as a start needs it; logs the lines
// about its operators. Null: not operator mode.
// Threads: the control thread; blocks (files, the URL of the accounts). Errors: those of auth::Trust, an
//          operator that asks for a newer server, "error resolving system account: ...".
// Source:  server/server.go 2.0.0-RC19 (the lines) and 2.9.10 (the checks).
absl::StatusOr<std::shared_ptr<auth::Trust>> create_trust(const config::Options& options,
                                                          log::Writer& log, int64_t now_s);

// OperatorMode ties a Trust to a running server: accounts are what their claims say, clients follow when
// those change, and requests in the system account bring new ones.
//
// Threads: made on the control thread, before the workers run. Changes of claims come on any thread but a
//          worker's; the timer belongs to worker 0. Errors: go into answers and the log.
// Lifetime: that of the Server.
// Source:  server/accounts.go 2.9.10.
class OperatorMode {
  public:
    OperatorMode(Server& server, std::shared_ptr<auth::Trust> trust, log::Writer& log);
    ~OperatorMode();

  private:
    class ExpiryJob;

    void on_expiry();
    int64_t now_s() const;
    void update_accounts();
    void arm_expiry(int64_t next_s);

    Server& server_;
    const std::shared_ptr<auth::Trust> trust_;
    std::mutex mutex_;  // one update_accounts() at a time: older claims never replace newer ones
    // Worker 0: an activation token ends.
    runtime::OwnedTimer<OperatorMode, &OperatorMode::on_expiry> expiry_timer_{*this};
    ClaimsRequests requests_;
};

}  // namespace nuring::server

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "core/auth/trust.h"
#include "core/client/internal_client.h"
#include "core/runtime/owned_timer.h"

namespace nuring::proto {
class JsonWriter;
}

namespace nuring::server {

class Server;

// ClaimsRequests answers what a system account may ask about accounts' tokens in operator mode.
//
//     subject                               body             answered with                     resolver
//     $SYS.ACCOUNT.<a>.CLAIMS.UPDATE        token            jwt updated, or why not           any
//     $SYS.REQ.ACCOUNT.<a>.CLAIMS.UPDATE    token            the same                          any
//     $SYS.REQ.CLAIMS.UPDATE                token            the same                          directory
//     $SYS.REQ.CLAIMS.LIST                                   keys of all accounts              directory
//     $SYS.REQ.CLAIMS.DELETE                operator's list  how many                          directory
//     $SYS.REQ.CLAIMS.PACK                  hash             "<a>|<token>" each, then nothing  full directory
//     $SYS.REQ.ACCOUNT.<a>.CLAIMS.LOOKUP                     token                             full directory
//
// A token counts if a trusted operator has signed it, whoever sends it. (The directories of the
// reference keep what any user of the system account sends.)
//
// Threads: made on the control thread, before the workers run. Requests arrive on worker 0; files are read
//          and tokens verified by jobs. Limits: as many answers to PACK as there are accounts.
// Errors:  go into the answer and the log. Lifetime: that of the Server.
// Source:  server/accounts.go (DirAccResolver) and events.go (accountClaimUpdate) 2.9.10.
class ClaimsRequests {
  public:
    ClaimsRequests(Server& server, std::shared_ptr<auth::Trust> trust);
    ~ClaimsRequests();
    ClaimsRequests(const ClaimsRequests&) = delete;
    ClaimsRequests& operator=(const ClaimsRequests&) = delete;

  private:
    struct Asked {
        std::string account;  // as in the subject, or empty
        std::string body;
        int64_t now_s = 0;
    };
    struct Answer {
        std::vector<std::string> messages;
        std::string log_line;
        bool is_error = false;
    };
    using Handle = Answer (ClaimsRequests::*)(const Asked& asked) const;
    class RequestJob;
    class ExpireJob;

    void subscribe(std::string_view pattern, Handle handle);
    void submit(Handle handle, const client::InternalMessage& message) const;
    Answer update(const Asked& asked) const;
    Answer lookup(const Asked& asked) const;
    Answer list(const Asked& asked) const;
    Answer pack(const Asked& asked) const;
    Answer remove(const Asked& asked) const;
    absl::Status check_deletion(const auth::DeletionClaims& claims) const;
    // The first member of each answer.
    void write_server(proto::JsonWriter* json) const;
    Answer verdict(const std::string& account, const absl::Status& status,
                   std::string_view text) const;

    void on_expire_timer();
    void arm_expire();

    Server& server_;
    const std::shared_ptr<auth::Trust> trust_;
    // Worker 0: files get too old.
    runtime::OwnedTimer<ClaimsRequests, &ClaimsRequests::on_expire_timer> expire_timer_{*this};
};

}  // namespace nuring::server

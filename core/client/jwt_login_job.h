// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "core/auth/jwt_login.h"
#include "core/auth/trust.h"
#include "core/link/link_job.h"

namespace nuring::client {

// The login of a client or a leafnode that is to be checked.
struct JwtQuestion {
    std::shared_ptr<auth::Trust> trust;
    auth::JwtLogin login;
    std::string account;  // to be loaded first; empty: none
    bool first_time;      // or again, after a change
};

// JwtLoginJob checks the user token of a client or a leafnode, which costs 120 us: more than a worker may
// spend on one login. With an account to load it may wait for files or the network, and belongs to slow jobs.
// Threads: as LinkJob. Errors: the verdict.
class JwtLoginJob : public link::LinkJob {
  public:
    JwtLoginJob(link::LinkHost& host, link::Link& link, JwtQuestion&& question);

  protected:
    bool first_time() const { return question_.first_time; }

  private:
    void compute() final;
    void finish(link::Link& link) final;
    // The token has to be checked again, `account` loaded first.
    virtual void ask_again(link::Link& link, std::string account) = 0;
    virtual void conclude(link::Link& link, const auth::JwtVerdict& verdict) = 0;

    void log_fetch() const;
    void log_verdict(const link::Link& link) const;

    JwtQuestion question_;
    const uint64_t asked_ns_;
    absl::Status fetch_status_;
    uint64_t changes_ = 0;
    auth::JwtVerdict verdict_;
};

}  // namespace nuring::client

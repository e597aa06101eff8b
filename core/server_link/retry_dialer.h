// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/prng.h"
#include "core/config/options.h"
#include "core/delivery/delivery.h"
#include "core/link/dialer.h"
#include "core/runtime/owned_timer.h"
#include "core/server_link/link_target.h"

namespace nuring::server_link {

// The time limit of an attempt, and the pause after one that failed.
struct RetryRules {
    uint64_t attempt_ns = 1'000'000'000;
    uint64_t pause_ns = 1'000'000'000;
    uint64_t pause_max_ns = 30'000'000'000;  // of a backoff
    uint32_t jitter_ns = 100'000'000;        // added to each pause, at random
    bool has_backoff = false;                // the pause doubles with each attempt
};

// Is the failure of that attempt an error line? The first one is, and each `every`-th; 0: no other.
inline bool is_reported(int64_t attempt, int64_t every) {
    return attempt == 1 || (every > 0 && attempt % every == 0);
}

// The same with the interval that the options have for a server that was connected before, or never.
inline bool is_reported(int64_t attempt, const config::Options& options, bool is_reconnect) {
    return is_reported(attempt, is_reconnect ? options.reconnect_error_reports
                                             : options.connect_error_reports);
}

// The delay before a lost connection is dialed again: a little, at random, so that two servers that have lost
// each other do not dial at the same moment again and again; one second more for a server that is configured.
uint64_t reconnect_delay_ns(base::Prng& prng, bool is_explicit);

// RetryDialer tries to reach one server until it is connected or its user gives up. A server may have several
// addresses: the user names the one to try next.
//
//   start --> next_target --> attempt --ok--> on_connected, on_ended
//                 ^   | none     | failed
//                 |   +--------- | ---------> on_ended
//                 |              v
//                 +--- pause <-- on_failed: true       on_failed: false --> on_ended
//
// Threads:  its worker. Limits: RetryRules. Errors: go to on_failed(), in the words of link::Dialer.
// Lifetime: owned by its user, destroyed at any time but from within its calls of on_connected() and
//           on_failed(); on_ended() is its last call, and it may be destroyed from a task posted there.
// Source:   server/route.go, connectToRoute 2.9.10; connect_backoff as in 2.12.
class RetryDialer {
  public:
    class User {
      public:
        // The address to try now; nothing: the server is not wanted any more.
        virtual std::optional<LinkTarget> next_target(RetryDialer& dialer) = 0;
        // Before the attempt: the place for a debug line.
        virtual void on_attempt(RetryDialer& /*dialer*/) {}
        // A connection to dialer.target() stands; the user owns `fd`.
        virtual void on_connected(RetryDialer& dialer, int fd) = 0;
        // True: try again after a pause.
        virtual bool on_failed(RetryDialer& dialer, const absl::Status& error) = 0;
        // No attempt follows: it is connected, or the user gave up.
        virtual void on_ended(RetryDialer& dialer) = 0;

      protected:
        ~User() = default;
    };

    RetryDialer(User& user, delivery::Delivery& delivery, LinkTarget first,
                const RetryRules& rules);
    ~RetryDialer();
    RetryDialer(const RetryDialer&) = delete;
    RetryDialer& operator=(const RetryDialer&) = delete;

    // Once. The first attempt is made after the delay.
    void start(uint64_t delay_ns);
    void set_rules(const RetryRules& rules) { rules_ = rules; }
    // The address of the present attempt, or of the last one.
    const LinkTarget& target() const { return target_; }
    int64_t attempts() const { return attempts_; }
    delivery::Delivery& delivery() const { return delivery_; }

  private:
    void attempt();
    void on_result(const absl::StatusOr<int>& fd);
    uint64_t pause_ns();

    User& user_;
    delivery::Delivery& delivery_;
    LinkTarget target_;
    RetryRules rules_;
    int64_t attempts_ = 0;
    bool ended_ = false;
    runtime::OwnedTimer<RetryDialer, &RetryDialer::attempt> retry_timer_{*this};
    link::Dialer dialer_;
};

}  // namespace nuring::server_link

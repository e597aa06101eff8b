// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/ids.h"
#include "core/base/prng.h"
#include "core/delivery/outlets.h"
#include "core/link/link_host.h"
#include "core/runtime/owned_timer.h"
#include "proto/kind.h"

namespace nuring::server {

// Links of that kind stay, and new ones come, while a lame duck has clients: those of any worker still need
// them. Leafnodes end like clients, and dial another hub.
bool outlives_clients(proto::Kind kind);

// Drain brings one worker to its end: no message that was accepted is lost, and all clients have their last
// bytes.
//
//   hold():            nothing is read any more; when every record is in its mailbox: held
//   stop():            what others have sent is delivered, then every link closes; when none is left: drained
//   enter_lame_duck(): the clients close one by one, of all workers (link/lame_duck_pace.h), spread over a
//                      duration; when none is left: gone.
//                      hold() ends that.
//
// Threads: its worker. Limits: those of LameDuckPace. Errors: none.
class Drain {
  public:
    Drain(link::LinkHost& host, delivery::Outlets& outlets);
    ~Drain();
    Drain(const Drain&) = delete;
    Drain& operator=(const Drain&) = delete;

    // The first half of a stop. Calls `held` once, when every record for other workers is in its mailbox.
    void hold(void (*held)(void*), void* state);
    // The second half, when all workers hold. Calls `drained` once.
    void stop(void (*drained)(void*), void* state);

    struct LameDuck {
        std::chrono::nanoseconds duration;
        std::chrono::nanoseconds grace_period;  // before the first one is closed
    };
    // The clients are informed that this server ends, and are closed one by one. Calls `gone` once. Links to
    // other servers stay until stop().
    void enter_lame_duck(const LameDuck& lame_duck, void (*gone)(void*), void* state);

    // Before links are flushed: true: the next turn must not wait.
    bool advance();
    // After links are flushed.
    void report_drained();

  private:
    bool report_held();
    bool close_when_delivered();
    void report_gone();
    void on_lame_duck_timer();

    link::LinkHost& host_;
    delivery::Outlets& outlets_;
    base::Prng prng_;
    void (*held_)(void*) = nullptr;
    void* held_state_ = nullptr;
    void (*drained_)(void*) = nullptr;
    void* drained_state_ = nullptr;
    void (*gone_)(void*) = nullptr;
    void* gone_state_ = nullptr;
    bool published_ = false;  // all spilled records went to their mailboxes in an earlier turn
    bool closing_ = false;    // stop() came; links are closed when the mailboxes are empty
    runtime::OwnedTimer<Drain, &Drain::on_lame_duck_timer> lame_duck_timer_{*this};
    std::vector<base::LinkHandle> lame_ducks_;  // those that are closed stand behind the open ones
    size_t open_count_ = 0;  // of lame_ducks_; the last of them is the next one to close
    uint64_t lame_duck_spread_ns_ = 0;
};

}  // namespace nuring::server

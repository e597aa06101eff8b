// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/prng.h"
#include "core/link/link_host.h"
#include "core/ring/ring.h"
#include "core/runtime/owned_timer.h"

namespace nuring::link {

// Dialer makes a worker's connections to other servers, one at a time.
//
//   dial --> [name: looked up by a job] --> its addresses, in random order, until one answers --> done
//
// Addresses are tried at random, so that servers behind one name share the load. A look-up may take longer
// than an attempt: it goes on, and its answer serves the next attempt for that name.
//
// Threads: its worker. It has no thread of its own, and works in the simulator (with numeric hosts).
// Limits:  timeout_ns for one attempt in all; one look-up under way per name that is dialed.
// Errors:  in the words of Go's net package, as operators know them from the reference's log:
//            dial tcp 127.0.0.1:4223: connect: connection refused      (of several addresses: the first)
//            dial tcp 10.0.0.1:6222: i/o timeout
//            dial tcp: lookup nosuch: no such host
//          It does not try again: that is for the user to decide.
// Lifetime: owned by its user, and destroyed at any time, also from within `done`. Its requests
//          in the ring end by themselves: LinkHost::is_empty() says that it is drained only after that.
class Dialer {
  public:
    using Done = std::function<void(absl::StatusOr<int> fd)>;

    explicit Dialer(LinkHost& host);
    ~Dialer();  // cancels
    Dialer(const Dialer&) = delete;
    Dialer& operator=(const Dialer&) = delete;

    // One attempt; none may be under way. `done` is called once, from a later turn of the worker, with a
    // descriptor of the ring that is the user's from then on, or with an error. It may dial again.
    void dial(const std::string& host, uint16_t port, uint64_t timeout_ns, Done done);
    // `done` will not be called any more.
    void cancel();
    bool is_dialing() const { return done_ != nullptr; }

  private:
    struct Connect;
    class Lookup;
    void on_timeout();
    void look_up();
    void on_looked_up(Lookup& lookup);
    void take_addresses(std::vector<std::string> addresses);
    void connect_next();
    void on_connected(int result);
    void drop_attempt();
    void finish(absl::StatusOr<int> result);

    LinkHost& link_host_;
    base::Prng prng_;
    std::string host_;
    uint16_t port_ = 0;
    Done done_;  // null: no attempt is under way
    runtime::OwnedTimer<Dialer, &Dialer::on_timeout> timeout_{*this};
    std::vector<ring::SocketAddress> addresses_;  // the last one is tried; none: the look-up goes on
    absl::Status first_error_;
    std::unique_ptr<Connect> connect_;

    std::shared_ptr<Dialer*> self_;  // of look-ups: null once the dialer is gone
    std::string looking_up_;         // the name whose answer is awaited; empty: none
    std::string early_host_;         // an answer that came between two attempts
    std::vector<std::string> early_addresses_;
};

}  // namespace nuring::link

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "bench/load/options.h"
#include "bench/load/report.h"
#include "bench/load/wire.h"

namespace nuring::bench {

// Placement opens the connections of a scenario on chosen workers of our server, as options.pairs asks, and
// proves by the count of records that passed between workers that messages stayed on one or crossed. The
// page /workerz shows both. A new connection goes to a worker with little to do, of those to the one that has
// the fewest; one that came to another worker than wanted stays open, unused, so that the next one goes
// elsewhere.
// Threads: one. Limits: kTriesMax connections for each that is wanted.
// Errors:  no such page, or a worker that gets no connection, end the process.
class Placement {
  public:
    static constexpr uint32_t kTriesMax = 64;

    explicit Placement(const Options& options);
    Placement(const Placement&) = delete;
    Placement& operator=(const Placement&) = delete;

    // Receivers and publisher of a lane: on one worker, or the publisher on the next one.
    void open_receiver(Wire* wire, uint32_t lane) { open(wire, options_.far_endpoint(), lane); }
    void open_publisher(Wire* wire, uint32_t lane) {
        open(wire, options_.endpoint, options_.pairs == Pairs::kCrossing ? lane + 1 : lane);
    }
    // All connections are open.
    void begin();
    // After the last message of so many: the records per message become a figure of the result, and a wrong
    // number invalidates it. (A run of messages is one record.)
    void check(uint64_t published, Result* result);

  private:
    struct Workers {
        std::vector<uint64_t> connections;  // of each
        uint64_t records = 0;               // of all
    };
    Workers ask();
    void open(Wire* wire, const Endpoint& endpoint, uint32_t place);

    const Options& options_;
    std::vector<std::unique_ptr<Wire>> strays_;
    uint64_t asked_ = 0;
    uint64_t records_before_ = 0;
};

}  // namespace nuring::bench

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "bench/load/wire.h"

namespace nuring::bench {

// Waits until the linked server of `publisher` knows the subscriptions made so far by `receivers`, clients
// of one server: a probe subscribed behind them on the same connection gets a message.
// Threads: one; blocking, for the time before a measurement.
// Errors:  a probe that has no answer within 10 s ends the process.
void await_interest(Wire* publisher, std::span<Wire* const> receivers);

}  // namespace nuring::bench

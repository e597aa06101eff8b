// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/config/diagnostics.h"
#include "core/config/options.h"

namespace nuring::config {

// Workers that a server can have (interest::WorkerSet has a bit for each).
inline constexpr int kWorkersMax = 128;

// Whether options that are right each by itself can work together. For complete()d Options, at
// start and at reload; -t runs it here (it does not in the reference), so that a file that passes
// the check also starts.
// Errors:  one entry per rule that is broken, without a place.
// Source:  checks of NewServer and validateOptions in server/server.go, RC19 and 2.9.10; those on
//          numbers below zero and on the uring block are ours.
void validate(const Options& options, Diagnostics* diagnostics);

}  // namespace nuring::config

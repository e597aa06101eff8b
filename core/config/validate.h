// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/config/diagnostics.h"
#include "core/config/options.h"

namespace nuring::config {

// Whether options that are right each by itself can work together. For complete()d Options, at
// start and at reload; -t does not run it in the reference, ours does: a check that passes and a
// start that fails helps nobody.
// Errors:  one entry per rule that is broken, without a place.
// Source:  checks of NewServer and validateOptions in server/server.go, RC19 and 2.9.10; those on
//          numbers below zero and on the uring block are ours.
void validate(const Options& options, Diagnostics* diagnostics);

}  // namespace nuring::config

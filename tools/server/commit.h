// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace nuring::tools {

// The output of `git describe` for these sources; for a tarball, its version.
extern const char* const kCommit;

}  // namespace nuring::tools

// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace nuring::tools {

// What `git describe` says of the sources this was built from; of a tarball, its version.
extern const char* const kCommit;

}  // namespace nuring::tools

// SPDX-License-Identifier: Apache-2.0
// The part of diff() about leafnodes. Private to core/config.
#pragma once

#include <vector>

#include "core/config/diff.h"
#include "core/config/options.h"

namespace nuring::config {

// Appends what a reload from one to the other changes. Remotes are the same if their name() is: one that
// came or went is a change that a reload can make, and so are its TLS, compression and `disabled`.
// Source: getLeafNodeOptionsChanges in server/reload.go 2.15.3.
void compare_leafnodes(const LeafnodeOptions& active, const LeafnodeOptions& fresh,
                       std::vector<Change>* changes);

}  // namespace nuring::config

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "core/ring/ring.h"

namespace nuring::link {

// The nonce of an INFO, to be signed by the peer: 11 random bytes as 15 characters of unpadded base64url.
// Threads: the ring's. Errors: none. Source: server/nkey.go.
std::string make_nonce(ring::Ring& ring);

}  // namespace nuring::link

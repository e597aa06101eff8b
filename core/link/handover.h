// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "core/link/byte_buffer.h"
#include "core/tls/tls_engine.h"

namespace nuring::link {

// A connection that goes from one link to another of the same worker, between two bytes of its input: what
// asked for an upgrade becomes what it asked for.
struct Handover {
    int fd = -1;
    uint64_t cid = 0;
    std::unique_ptr<tls::Engine> engine;  // null: clear text
    ByteBuffer received;                  // and not handled
};

}  // namespace nuring::link

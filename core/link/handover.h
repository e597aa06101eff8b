// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "core/base/ids.h"
#include "core/link/byte_buffer.h"
#include "core/link/close_reason.h"
#include "core/link/link_traffic.h"
#include "core/ring/ring.h"
#include "core/tls/tls_engine.h"

namespace nuring::link {

// A connection that goes from one link to another, between two bytes of its input: what asked for an upgrade
// becomes what it asked for, on the same worker; or a client moves to another worker.
struct Handover {
    int fd = -1;
    uint64_t cid = 0;
    std::unique_ptr<tls::Engine> engine = nullptr;  // null: clear text
    ByteBuffer received = {};                       // and not handled
    CloseReason input_end = CloseReason::kNone;     // else the peer has said that nothing follows
    ring::PeerAddress peer = {};                    // no port: not known
    // Of a client that moves; else the new link begins anew.
    uint64_t start_wall_ns = 0;
    LinkTraffic traffic = {};
    ByteBuffer output = {};         // not sent yet
    base::LinkHandle handle = {};   // reserved for it there; not valid: it gets a new one
};

}  // namespace nuring::link

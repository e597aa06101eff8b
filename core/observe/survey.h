// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace nuring::client {
class ClientHost;
}
namespace nuring::delivery {
class Delivery;
}
namespace nuring::link {
class LinkHost;
}

namespace nuring::observe {

// The parts of one worker that a survey can read.
struct WorkerView {
    link::LinkHost& host;
    delivery::Delivery& delivery;
    client::ClientHost& clients;
};

// Survey is one worker's part of a question that somebody outside asks all workers: a plain copy of
// what concerns it. It works in slices of bounded size, one per turn, so that ten thousand connections
// do not hold up the traffic.
// Threads: step() on the worker; the asking thread makes it before, and reads it after the last step.
// Limits:  a slice is about 100 us of work: the constants below.
// Errors:  none. Links that come or go between two slices may be in the answer or not.
class Survey {
  public:
    virtual ~Survey() = default;
    // Does the next slice; true when that was the last one.
    virtual bool step(const WorkerView& worker) = 0;

  protected:
    static constexpr size_t kSliceLinks = 1024;         // looked at
    static constexpr size_t kSliceCopies = 64;          // connections copied
    static constexpr size_t kSliceSubscriptions = 512;  // subscriptions copied or compared
};

}  // namespace nuring::observe

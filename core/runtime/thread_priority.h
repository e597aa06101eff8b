// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace nuring::runtime {

// Both are for the calling thread, and ignore errors: it then keeps what it inherited.

// A real-time policy (docs/tuning.md) is for workers: another thread that has it stops a worker on its
// processor.
void leave_realtime();
// Also takes this nice value: 10 is a tenth of a worker's weight.
void give_way_to_workers(int nice);

}  // namespace nuring::runtime

// SPDX-License-Identifier: Apache-2.0
// Records of messages that come from other workers.
// Threads: the worker that they came to. Errors: none; a record is our own.
#pragma once

#include <span>

#include "core/delivery/records.h"

namespace nuring::delivery {

class Delivery;

// Loads what deliver_record() will need for these records, of any kind.
void look_ahead(Delivery& delivery, std::span<const runtime::RecordHeader* const> records);

// A run from another worker: to the plain subscriptions here, the chosen queue member, or another server.
// Returns the bytes of messages that the record names without holding them.
size_t deliver_record(Delivery& delivery, const DeliverRecord& record);

}  // namespace nuring::delivery

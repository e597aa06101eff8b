// SPDX-License-Identifier: Apache-2.0
// Mappings of an account, applied to what a client or a leafnode publishes in it.
#pragma once

#include <cstdint>
#include <string>

#include "core/account/subject_map.h"
#include "core/delivery/delivery.h"
#include "core/delivery/message_run.h"

namespace nuring::delivery {

enum class [[nodiscard]] MapResult : uint8_t{
    kUnmapped,  // the subject stays
    kMapped,    // run->subject stands in `text`
    kLost,      // by the weights of the mapping, or since the new subject is too long
};

// If several targets share a source, each message is drawn by itself: the run is cut to one.
// Threads: the worker. Errors: none. Lifetime: `text` outlives the run.
MapResult map_subject(Delivery& delivery, const account::SubjectMap& mappings, MessageRun* run,
                      std::string* text);

}  // namespace nuring::delivery

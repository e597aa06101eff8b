// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/map_subject.h"

#include "core/delivery/records.h"

namespace nuring::delivery {

MapResult map_subject(Delivery& delivery, const account::SubjectMap& mappings, MessageRun* run,
                      std::string* text) {
    const account::SubjectMap::Mapping* mapping = mappings.find(run->subject);
    if (mapping == nullptr) return MapResult::kUnmapped;
    if (mapping->is_random()) run->count = 1;
    const proto::SubjectTransform* transform = mapping->pick(delivery.prng);
    if (transform == nullptr) return MapResult::kLost;
    if (!transform->apply(run->subject, text, delivery.prng.next()) ||
        text->size() + run->reply.size() > kNamesSizeMax) {
        delivery.count_oversized(run->count);
        return MapResult::kLost;
    }
    run->subject = *text;
    return MapResult::kMapped;
}

}  // namespace nuring::delivery

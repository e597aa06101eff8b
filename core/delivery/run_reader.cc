// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/run_reader.h"

#include <algorithm>
#include <cassert>

#include "core/base/block_copy.h"
#include "core/delivery/delivery.h"

namespace nuring::delivery {

void extend_run(const char* begin, const char* end, size_t line_size, size_t bytes_max, MessageRun* run) {
    assert(run->count == 1);
    const size_t stride = run->stride;
    assert(stride >= 2);
    const char* next = begin + stride;
    end = std::min(end, begin + std::max(bytes_max, stride));
    assert(next <= end);
    while (static_cast<size_t>(end - next) >= stride && next[stride - 1] == '\n' &&
           next[stride - 2] == '\r' && base::block_equal(begin, next, line_size)) {
        next += stride;
        ++run->count;
    }
}

const interest::MatchEntry& find_match(Delivery& delivery, interest::Sublist& sublist,
                                       std::string_view subject, uint64_t hash,
                                       interest::MatchMemo* memo) {
    if (memo->may_be_of(hash) && memo->current() && memo->entry().sublist() == &sublist &&
        memo->entry().is_of(subject)) {
        return memo->entry();
    }
    if (hash == 0) hash = sublist.hash(subject);
    const uint64_t hits = delivery.cache.counters().hits;
    const interest::MatchEntry& entry = delivery.cache.find(sublist, subject, hash);
    if (delivery.cache.counters().hits == hits)
        delivery.interest_gate.charge_search(entry.result().size());
    *memo = interest::MatchMemo(entry);
    return entry;
}

}  // namespace nuring::delivery

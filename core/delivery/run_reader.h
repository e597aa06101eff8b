// SPDX-License-Identifier: Apache-2.0
// From the input to a run of messages, for any kind of publisher.
// Threads: any. Errors: none. Lifetime: as of MessageRun.
#pragma once

#include <cassert>
#include <cstddef>

#include "core/delivery/message_run.h"
#include "core/interest/match_cache.h"

namespace nuring::delivery {

class Delivery;

// Makes a new run one message, from an operation of proto's parsers. One that is not canonical has no tail:
// it is framed anew (frame_message()). In place: a copy would load words that were just stored by halves,
// which stalls the processor, and each message comes through here.
template <class Operation>
void begin_run(const Operation& operation, MessageRun* run) {
    assert(run->count == 0);
    run->subject = operation.subject;
    run->reply = operation.reply;
    if (operation.canonical) [[likely]] {
        const std::string_view tail = operation.frame_tail();
        run->tail = tail.data();
        run->tail_size = tail.size();
    }
    run->stride = operation.consumed;
    run->count = 1;
    run->header_size = operation.header_size;
    run->total_size = operation.total_size;
}

// Counts the messages behind the first one, at `begin`, that have the same control line (of that size,
// with its line end), into the run, which covers so much of the input at most (link::FlowLimits).
void extend_run(const char* begin, const char* end, size_t line_size, size_t bytes_max, MessageRun* run);

// Most publishers stay with one subject: its match is kept in `memo`, and valid while nothing changes.
// hash: of the subject in that sublist; 0: not known.
const interest::MatchEntry& find_match(Delivery& delivery, interest::Sublist& sublist,
                                       std::string_view subject, uint64_t hash,
                                       interest::MatchMemo* memo);

}  // namespace nuring::delivery

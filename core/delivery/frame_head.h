// SPDX-License-Identifier: Apache-2.0
// The head of a frame to a client: what stands before the tail of its message (message_run.h).
#pragma once

#include <cstddef>
#include <string_view>

#include "core/delivery/message_run.h"
#include "proto/encode_client.h"

namespace nuring::delivery {

// "HMSG <subject> <sid>"
inline size_t head_size_max(std::string_view sid, const MessageRun& run) {
    return 6 + run.subject.size() + sid.size();
}

// Writes up to 15 bytes behind the end.
inline char* write_head(char* out, std::string_view sid, const MessageRun& run) {
    if (run.header_size != 0) *out++ = 'H';
    return proto::append_short(proto::encode_msg_start(out, run.subject), sid);
}

}  // namespace nuring::delivery

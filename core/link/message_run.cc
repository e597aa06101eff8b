// SPDX-License-Identifier: Apache-2.0
#include "core/link/message_run.h"

#include <iterator>

#include "core/ring/ring.h"
#include "fmt/format.h"
#include "proto/encode_client.h"

namespace nuring::link {

MessageRun frame_message(const MessageParts& parts, std::string* frame) {
    const size_t total_size = parts.headers.size() + parts.body.size();
    *frame = ' ';
    if (!parts.reply.empty()) {
        *frame += parts.reply;
        *frame += ' ';
    }
    if (!parts.headers.empty()) {
        fmt::format_to(std::back_inserter(*frame), "{} ", parts.headers.size());
    }
    fmt::format_to(std::back_inserter(*frame), "{}", total_size);
    *frame += proto::kLineEnd;
    *frame += parts.headers;
    *frame += parts.body;
    *frame += proto::kLineEnd;
    MessageRun run;
    run.subject = parts.subject;
    run.tail_size = run.stride = frame->size();
    run.count = 1;
    run.header_size = static_cast<uint32_t>(parts.headers.size());
    run.total_size = static_cast<uint32_t>(total_size);
    frame->resize(frame->size() + ring::kReceiveSlackBytes);
    run.tail = frame->data();
    if (!parts.reply.empty()) run.reply = {frame->data() + 1, parts.reply.size()};
    return run;
}

}  // namespace nuring::link

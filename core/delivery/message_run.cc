// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/message_run.h"

#include <algorithm>

#include "core/ring/ring.h"
#include "proto/decimal.h"
#include "proto/encode_client.h"

namespace nuring::delivery {

namespace {

char* write(char* out, std::string_view text) { return std::copy(text.begin(), text.end(), out); }

}  // namespace

// Reused memory is not cleared: the rest of an earlier, longer frame behind this one does no harm.
MessageRun frame_message(const MessageParts& parts, std::string* frame) {
    constexpr size_t kHeadSizeMax = 64;  // blanks, two numbers of 20 digits, line ends
    const size_t total_size = parts.headers.size() + parts.body.size();
    const size_t size_max =
        kHeadSizeMax + parts.reply.size() + total_size + ring::kReceiveSlackBytes;
    if (frame->size() < size_max) frame->resize(size_max);
    char* const begin = frame->data();
    char* out = begin;
    *out++ = ' ';
    if (!parts.reply.empty()) {
        out = write(out, parts.reply);
        *out++ = ' ';
    }
    if (!parts.headers.empty()) {
        out = proto::write_decimal(out, parts.headers.size());
        *out++ = ' ';
    }
    out = write(proto::write_decimal(out, total_size), proto::kLineEnd);
    out = write(write(out, parts.headers), parts.body);
    out = write(out, proto::kLineEnd);
    MessageRun run;
    run.subject = parts.subject;
    run.tail = begin;
    run.tail_size = run.stride = static_cast<size_t>(out - begin);
    run.count = 1;
    run.header_size = static_cast<uint32_t>(parts.headers.size());
    run.total_size = static_cast<uint32_t>(total_size);
    if (!parts.reply.empty()) run.reply = {begin + 1, parts.reply.size()};
    return run;
}

}  // namespace nuring::delivery

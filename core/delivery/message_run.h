// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/link/outbound.h"
#include "proto/gateway_reply.h"

namespace nuring::delivery {

// MessageRun is one or more messages of one publisher that share their control line (subject, reply,
// sizes), as they lie in the input. It is the unit of delivery: whatever can be done once for all its
// messages is.
//
//   PUB foo 5\r\nhello\r\nPUB foo 5\r\nworld\r\n
//          |<---tail---->|       |<---tail---->|
//          |<-----stride------->|
//
// A tail is " [reply ]size\r\npayload\r\n" (with headers " [reply ]header_size size\r\n..."): what a
// frame to a subscriber ends with, byte for byte, so a frame is a head ("MSG foo 1") and a tail.
// Lifetime: views into the input, valid until the handler of that input returns.
struct MessageRun {
    std::string_view subject;
    std::string_view reply;
    const char* tail = nullptr;  // of the first message; kReceiveSlackBytes readable after the last
    size_t tail_size = 0;
    size_t stride = 0;           // from one tail to the next
    uint32_t count = 0;
    uint32_t header_size = 0;
    uint32_t total_size = 0;     // headers and body
    bool is_service = false;     // came over a service import: no stream import takes it further
    // Came from another server as the delivery of a JetStream consumer (proto/jetstream.h): its reply names
    // the subject that a client is to see.
    bool is_jetstream = false;
    uint64_t block = 0;  // its number in FrameBlock; 0: its frames are not shared
    // Of a request from another cluster: what an answer to `reply` needs to find back there.
    proto::ReplyOrigin reply_origin;

    const char* payload() const { return tail + tail_size - 2 - total_size; }
    std::string_view headers(uint32_t index) const { return {payload() + index * stride, header_size}; }
    const char* body(uint32_t index) const { return payload() + index * stride + header_size; }
    uint32_t body_size() const { return total_size - header_size; }
    link::FrameTails tails() const { return {.first = tail, .size = tail_size, .stride = stride}; }
    size_t block_size() const { return (count - 1) * stride + tail_size; }
};

// Some neighbours of the run.
inline MessageRun part_of(const MessageRun& run, uint32_t first, uint32_t count) {
    MessageRun part = run;
    part.tail += first * run.stride;
    part.count = count;
    return part;
}

// A message that the server publishes or rewrites: odd but legal input, its own events, requests that
// change on their way into another account.
struct MessageParts {
    std::string_view subject;
    std::string_view reply;
    std::string_view headers;  // the whole block, or empty
    std::string_view body;
};

// One message of a run, or an operation of proto's parsers, in parts.
inline MessageParts parts_of(const MessageRun& run, uint32_t index = 0) {
    return {.subject = run.subject,
            .reply = run.reply,
            .headers = run.headers(index),
            .body = {run.body(index), run.body_size()}};
}
template <class Operation>
MessageParts parts_of(const Operation& operation) {
    const std::string_view payload(operation.payload, operation.total_size);
    return {.subject = operation.subject,
            .reply = operation.reply,
            .headers = payload.substr(0, operation.header_size),
            .body = payload.substr(operation.header_size)};
}

// A run of one message, whose tail is written into `frame`. The parts must not lie in it; the run is a
// view of the subject and of the frame.
MessageRun frame_message(const MessageParts& parts, std::string* frame);

}  // namespace nuring::delivery

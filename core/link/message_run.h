// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace nuring::link {

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

    const char* payload() const { return tail + tail_size - 2 - total_size; }
    size_t block_size() const { return (count - 1) * stride + tail_size; }
};

// What the server itself publishes, or writes anew: odd but legal input, its own events, requests that
// change on their way into another account.
struct MessageParts {
    std::string_view subject;
    std::string_view reply;
    std::string_view headers;  // the whole block, or empty
    std::string_view body;
};

// A run of one message, whose tail is written into `frame`. The parts must not lie in it; the run is a
// view of the subject and of the frame.
MessageRun frame_message(const MessageParts& parts, std::string* frame);

}  // namespace nuring::link

// SPDX-License-Identifier: Apache-2.0
// Frames for a client, written into the caller's memory.
//
//   MSG <subject> <sid> [<reply> ]<total>\r\n<payload>\r\n
//   HMSG <subject> <sid> [<reply> ]<header> <total>\r\n<headers><payload>\r\n
//
// Every encode_ function writes at `out`, which must have room for the matching _size(_max)(), and
// returns the end of what it wrote.
// Threads: any. Errors: none. Nothing is allocated. Source: server/client.go: msgHeader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "proto/decimal.h"
#include "proto/limits.h"

namespace nuring::proto {

inline constexpr std::string_view kOkFrame = "+OK\r\n";
inline constexpr std::string_view kPingFrame = "PING\r\n";
inline constexpr std::string_view kPongFrame = "PONG\r\n";
inline constexpr std::string_view kLineEnd = "\r\n";

inline char* append(char* out, std::string_view text) {
    if (!text.empty()) std::memcpy(out, text.data(), text.size());
    return out + text.size();
}

// Copies what is mostly short (subjects, ids) without a call; returns the end.
inline char* append_short(char* out, std::string_view text) {
    const char* from = text.data();
    const size_t size = text.size();
    if (size >= 16) {
        // Whole blocks of 16, and one which ends at the end and may overlap the one before.
        size_t at = 0;
        do {
            std::memcpy(out + at, from + at, 16);
            at += 16;
        } while (at + 16 <= size);
        std::memcpy(out + size - 16, from + size - 16, 16);
    } else if (size >= 8) {
        std::memcpy(out, from, 8);
        std::memcpy(out + size - 8, from + size - 8, 8);
    } else if (size >= 4) {
        std::memcpy(out, from, 4);
        std::memcpy(out + size - 4, from + size - 4, 4);
    } else if (size != 0) {
        out[0] = from[0];
        out[size / 2] = from[size / 2];
        out[size - 1] = from[size - 1];
    }
    return out + size;
}

// The parts of a MSG line besides the size.
struct MessageHead {
    std::string_view subject;
    std::string_view sid;
    std::string_view reply;  // may be empty
};

// Room for the line of a MSG, at most.
constexpr size_t message_head_size_max(const MessageHead& head) {
    constexpr size_t kFixed = sizeof("MSG    \r\n") - 1 + kDecimalDigitsMax;
    return kFixed + head.subject.size() + head.sid.size() + head.reply.size();
}

namespace internal {

inline char* encode_names(char* out, const MessageHead& head) {
    out = append_short(out, head.subject);
    *out++ = ' ';
    out = append_short(out, head.sid);
    *out++ = ' ';
    if (!head.reply.empty()) {
        out = append_short(out, head.reply);
        *out++ = ' ';
    }
    return out;
}

inline char* encode_line_end(char* out) {
    std::memcpy(out, kLineEnd.data(), kLineEndSize);
    return out + kLineEndSize;
}

}  // namespace internal

inline char* encode_msg_head(char* out, const MessageHead& head, uint32_t total_size) {
    std::memcpy(out, "MSG ", 4);
    out = internal::encode_names(out + 4, head);
    return internal::encode_line_end(write_decimal(out, total_size));
}

// The whole frame for a subscriber, when the publisher's line was canonical: the caller has
// "MSG <subject> " (encode_msg_start) and ClientOperation::frame_tail() ready once for all of them.
inline char* encode_msg_start(char* out, std::string_view subject) {
    std::memcpy(out, "MSG ", 4);
    out = append_short(out + 4, subject);
    *out++ = ' ';
    return out;
}

// -ERR '<text>'\r\n
constexpr size_t err_frame_size(std::string_view text) {
    return sizeof("-ERR ''\r\n") - 1 + text.size();
}
char* encode_err(char* out, std::string_view text);

// The answer to a request that nobody took (for clients with headers and no_responders):
// HMSG <reply> <sid> 16 16\r\nNATS/1.0 503\r\n\r\n\r\n
struct NoResponders {
    std::string_view reply;
    std::string_view sid;
};
size_t no_responders_frame_size(const NoResponders& to);
char* encode_no_responders(char* out, const NoResponders& to);

}  // namespace nuring::proto

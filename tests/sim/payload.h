// SPDX-License-Identifier: Apache-2.0
// What simulated clients send and get: payloads that name their sender, and the frames around them.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fmt/format.h"

namespace nuring::sim {

inline constexpr uint32_t kPayloadSizeMin = 12;

// Byte `at` of publish `number` of that client, behind the 4 and 8 digits that name them.
inline char payload_byte(uint32_t client, uint32_t number, size_t at) {
    return static_cast<char>('a' + (client * 7 + number * 13 + at) % 26);
}

inline std::string make_payload(uint32_t client, uint32_t number, size_t size) {
    std::string payload = fmt::format("{:04x}{:08x}", client, number);
    for (size_t at = payload.size(); at < size; ++at) payload += payload_byte(client, number, at);
    return payload;
}

// False: it begins like no payload of a simulated client.
inline bool parse_payload(std::string_view payload, uint32_t* client, uint32_t* number) {
    if (payload.size() < kPayloadSizeMin) return false;
    const auto parse_hex = [](std::string_view text, uint32_t* value) {
        const auto result = std::from_chars(text.data(), text.data() + text.size(), *value, 16);
        return result.ec == std::errc() && result.ptr == text.data() + text.size();
    };
    return parse_hex(payload.substr(0, 4), client) && parse_hex(payload.substr(4, 8), number);
}

// What is wrong with the bytes of a payload that parse_payload() has read; empty if all is well.
inline std::string payload_error(std::string_view payload, uint32_t client, uint32_t number, size_t size) {
    if (payload.size() != size) {
        return fmt::format("payload of {} bytes instead of {}", payload.size(), size);
    }
    for (size_t at = kPayloadSizeMin; at < payload.size(); ++at) {
        if (payload[at] != payload_byte(client, number, at)) {
            return fmt::format("payload differs at byte {} of {}", at, payload.size());
        }
    }
    return {};
}

// The words of a control line.
inline std::vector<std::string_view> split_words(std::string_view line) {
    std::vector<std::string_view> words;
    while (!line.empty()) {
        const size_t end = std::min(line.find(' '), line.size());
        if (end > 0) words.push_back(line.substr(0, end));
        line.remove_prefix(std::min(end + 1, line.size()));
    }
    return words;
}

// SIZE_MAX: not a number.
inline size_t size_in(std::string_view word) {
    size_t value = SIZE_MAX;
    std::from_chars(word.data(), word.data() + word.size(), value);
    return value;
}

// A MSG or HMSG frame as a client gets it; its texts are parts of the input.
struct MessageFrame {
    std::string_view subject;
    std::string_view sid;
    std::string_view reply;
    std::string_view headers;
    std::string_view payload;
    size_t size = 0;    // of the whole frame; 0: more bytes are needed
    std::string error;  // not empty: it is no frame
};

// `in` begins with `line`, the frame's first.
inline MessageFrame read_message_frame(std::string_view in, std::string_view line) {
    MessageFrame frame;
    const std::vector<std::string_view> words = split_words(line);
    const bool has_headers = words[0] == "HMSG";
    const size_t word_count_min = has_headers ? 5 : 4;
    if (words.size() < word_count_min || words.size() > word_count_min + 1) {
        frame.error = fmt::format("odd line \"{}\"", line);
        return frame;
    }
    const size_t total = size_in(words.back());
    const size_t header_size = has_headers ? size_in(words[words.size() - 2]) : 0;
    if (total > (1U << 20) || header_size > total) {
        frame.error = fmt::format("odd sizes \"{}\"", line);
        return frame;
    }
    const size_t size = line.size() + 2 + total + 2;
    if (in.size() < size) return frame;
    if (in.substr(size - 2, 2) != "\r\n") {
        frame.error = fmt::format("no end of line after \"{}\"", line);
        return frame;
    }
    frame.subject = words[1];
    frame.sid = words[2];
    if (words.size() > word_count_min) frame.reply = words[3];
    frame.headers = in.substr(line.size() + 2, header_size);
    frame.payload = in.substr(line.size() + 2 + header_size, total - header_size);
    frame.size = size;
    return frame;
}

}  // namespace nuring::sim

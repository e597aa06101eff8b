// SPDX-License-Identifier: Apache-2.0
#include "bench/load/frames.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "bench/load/fatal.h"

namespace nuring::bench {

std::string publish_frame(std::string_view subject, std::string_view reply,
                          std::string_view payload) {
    return fmt::format("PUB {}{}{} {}\r\n{}\r\n", subject, reply.empty() ? "" : " ", reply,
                       payload.size(), payload);
}

std::string message_frame(std::string_view subject, std::string_view sid, std::string_view reply,
                          std::string_view payload) {
    return fmt::format("MSG {} {}{}{} {}\r\n{}\r\n", subject, sid, reply.empty() ? "" : " ", reply,
                       payload.size(), payload);
}

std::string make_payload(size_t size) {
    std::string payload(size, ' ');
    for (size_t i = 0; i < size; ++i) payload[i] = static_cast<char>('a' + i * 7 % 26);
    return payload;
}

FrameBatch::FrameBatch(const Plan& plan) : payload_size_(plan.payload_size) {
    const std::string payload = make_payload(plan.payload_size);
    while (bytes_.size() < plan.bytes_wanted || messages_ % plan.subjects.size() != 0) {
        const std::string& subject = plan.subjects[messages_ % plan.subjects.size()];
        const std::string frame = plan.relay_sid.empty()
                                      ? publish_frame(subject, "", payload)
                                      : message_frame(subject, plan.relay_sid, "", payload);
        if (frame_size_ != 0 && frame.size() != frame_size_) fatal("frames differ in size");
        frame_size_ = frame.size();
        bytes_ += frame;
        ++messages_;
    }
    if (plan.ping_at_end) bytes_ += "PING\r\n";
}

void FrameBatch::stamp(uint64_t publisher, uint64_t first_number) {
    if (payload_size_ < kStampBytes) fatal("--verify needs payloads of {} bytes", kStampBytes);
    char* at = bytes_.data() + frame_size_ - 2 - payload_size_;
    for (uint64_t i = 0; i < messages_; ++i, at += frame_size_) {
        const uint64_t stamp = publisher << kStampNumberBits | (first_number + i);
        std::memcpy(at, &stamp, kStampBytes);
    }
}

uint64_t FrameBatch::messages_in(size_t bytes) const {
    return std::min<uint64_t>(bytes / frame_size_, messages_);
}

}  // namespace nuring::bench

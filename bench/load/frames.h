// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nuring::bench {

// Texts of one message on its way: what the publisher writes and what a subscriber reads.
std::string publish_frame(std::string_view subject, std::string_view reply,
                          std::string_view payload);
std::string message_frame(std::string_view subject, std::string_view sid, std::string_view reply,
                          std::string_view payload);

// A payload of printable bytes, the same for the same size.
std::string make_payload(size_t size);

// FrameBatch is a prepared piece of a publisher's stream: frames of one size, to be sent over and
// over. It may end in a PING, which counts as taken what went before.
//
//   |<- frame_size ->|<- frame_size ->| ... |PING CR LF|
//   |PUB s 16 ..payload.. CR LF|PUB ...     (optional)
//
// stamp() writes running numbers into the first 8 bytes of every payload (little endian: number in
// the lower 48 bits, publisher above); the receiver checks them with --verify.
class FrameBatch {
  public:
    struct Plan {
        std::vector<std::string> subjects;  // all of one length; used in turn
        size_t payload_size = 0;
        size_t bytes_wanted = 0;  // the batch gets at least one frame per subject
        bool ping_at_end = false;
        std::string relay_sid;  // not empty: MSG frames, for a relay
    };

    explicit FrameBatch(const Plan& plan);

    void stamp(uint64_t publisher, uint64_t first_number);

    std::string_view bytes() const { return bytes_; }
    size_t frame_size() const { return frame_size_; }
    uint64_t messages() const { return messages_; }
    // Messages that are complete in the first `bytes` bytes.
    uint64_t messages_in(size_t bytes) const;

  private:
    std::string bytes_;
    size_t frame_size_ = 0;
    size_t payload_size_ = 0;
    uint64_t messages_ = 0;
};

inline constexpr uint32_t kStampNumberBits = 48;
inline constexpr size_t kStampBytes = 8;

}  // namespace nuring::bench

// SPDX-License-Identifier: Apache-2.0
#include "core/base/base32.h"

#include <array>
#include <cassert>
#include <utility>

#include "core/base/crc16.h"

namespace nuring::base {
namespace {

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
static_assert(kDigits.size() == 32);

// Takes bytes one by one and adds the digits that are complete.
class Encoder {
  public:
    void add(unsigned char byte) {
        window_ = (window_ << 8 | byte) & 0xffff;
        for (bits_ += 8; bits_ >= 5;) {
            bits_ -= 5;
            text_ += kDigits[window_ >> bits_ & 31];
        }
    }
    std::string finish() {
        assert(bits_ < 5);
        if (bits_ > 0) text_ += kDigits[window_ << (5 - bits_) & 31];
        return std::move(text_);
    }

  private:
    std::string text_;
    uint32_t window_ = 0;
    int bits_ = 0;
};

}  // namespace

std::string encode_checked_base32(std::span<const unsigned char> bytes) {
    Encoder encoder;
    for (const unsigned char byte : bytes) encoder.add(byte);
    const uint16_t crc = crc16(bytes);
    encoder.add(static_cast<unsigned char>(crc & 0xff));
    encoder.add(static_cast<unsigned char>(crc >> 8));
    return encoder.finish();
}

Base32Status decode_checked_base32(std::string_view text, std::span<unsigned char> bytes) {
    std::array<unsigned char, kChecksumSize> checksum{};
    uint32_t window = 0;
    int bits = 0;
    size_t count = 0;
    for (const char c : text) {
        const size_t value = kDigits.find(c);
        if (value == std::string_view::npos) return Base32Status::kNotBase32;
        window = (window << 5 | static_cast<uint32_t>(value)) & 0xfff;
        bits += 5;
        if (bits < 8) continue;
        bits -= 8;
        if (count == bytes.size() + kChecksumSize) return Base32Status::kNotBase32;
        unsigned char& to = count < bytes.size() ? bytes[count] : checksum[count - bytes.size()];
        to = static_cast<unsigned char>(window >> bits);
        ++count;
    }
    const bool is_whole = count == bytes.size() + kChecksumSize && (window & ((1U << bits) - 1)) == 0;
    if (!is_whole) return Base32Status::kNotBase32;
    const uint16_t crc = crc16(bytes);
    return checksum[0] == (crc & 0xff) && checksum[1] == crc >> 8 ? Base32Status::kOk
                                                                  : Base32Status::kBadChecksum;
}

}  // namespace nuring::base

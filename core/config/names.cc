// SPDX-License-Identifier: Apache-2.0
#include "core/config/names.h"

#include <array>
#include <cstddef>

namespace nuring::config {
namespace {

constexpr size_t kKeyTextSize = 56;
constexpr size_t kKeySize = 35;  // prefix, 32 bytes, checksum

int base32_value(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= '2' && c <= '7') return c - '2' + 26;
    return -1;
}

// CRC-16/XMODEM.
uint16_t checksum(const uint8_t* bytes, size_t size) {
    uint16_t crc = 0;
    for (size_t i = 0; i < size; ++i) {
        crc ^= static_cast<uint16_t>(bytes[i] << 8);
        for (int bit = 0; bit < 8; ++bit) {
            crc = static_cast<uint16_t>((crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1);
        }
    }
    return crc;
}

// Takes the first token off text; false when there is none left.
bool take_token(std::string_view* text, bool* more, std::string_view* token) {
    if (!*more) return false;
    const size_t dot = text->find('.');
    *token = text->substr(0, dot);
    *more = dot != std::string_view::npos;
    text->remove_prefix(*more ? dot + 1 : text->size());
    return true;
}

}  // namespace

bool is_public_key(std::string_view text, KeyKind kind) {
    if (text.size() != kKeyTextSize) return false;
    std::array<uint8_t, kKeySize> bytes = {};
    uint32_t buffer = 0;
    int bits = 0;
    size_t count = 0;
    for (const char c : text) {
        const int value = base32_value(c);
        if (value < 0) return false;
        buffer = buffer << 5 | static_cast<uint32_t>(value);
        bits += 5;
        if (bits < 8) continue;
        bits -= 8;
        bytes[count++] = static_cast<uint8_t>(buffer >> bits);
    }
    if (bytes[0] != static_cast<uint8_t>(kind)) return false;
    const auto wanted = static_cast<uint16_t>(bytes[kKeySize - 2] | bytes[kKeySize - 1] << 8);
    return checksum(bytes.data(), kKeySize - 2) == wanted;
}

bool is_valid_subject(std::string_view subject) {
    bool more = true;
    bool ended = false;  // behind `>`
    std::string_view token;
    while (take_token(&subject, &more, &token)) {
        if (token.empty() || ended) return false;
        if (token.find_first_of(" \t\n\r\f") != std::string_view::npos) return false;
        ended = token == ">";
    }
    return true;
}

bool is_subset_of(std::string_view subject, std::string_view pattern) {
    bool subject_more = true;
    bool pattern_more = true;
    std::string_view token;
    std::string_view wanted;
    while (take_token(&pattern, &pattern_more, &wanted)) {
        if (!take_token(&subject, &subject_more, &token)) return false;
        if (wanted == ">") return true;
        if (token == ">") return false;
        if (wanted != "*" && wanted != token) return false;
    }
    return !subject_more;
}

}  // namespace nuring::config

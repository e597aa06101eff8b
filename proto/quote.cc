// SPDX-License-Identifier: Apache-2.0
#include "proto/quote.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "proto/utf8.h"

namespace nuring::proto {
namespace {

// Ranges above ASCII which Go does not print, ascending.
struct RuneRange {
    uint32_t from;
    uint32_t to;
};
constexpr RuneRange kNotPrinted[] = {
    {0x7f, 0xa0},       {0xad, 0xad},       {0x1680, 0x1680},    {0x180e, 0x180e},
    {0x2000, 0x200f},   {0x2028, 0x202f},   {0x205f, 0x206f},    {0x3000, 0x3000},
    {0xe000, 0xf8ff},   {0xfdd0, 0xfdef},   {0xfeff, 0xfeff},    {0xfff0, 0xfffb},
    {0xfffe, 0xffff},   {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a},  {0x1fffe, 0x1ffff},
    {0x2fffe, 0x2ffff}, {0x323b0, 0xe00ff}, {0xe01f0, 0x10ffff},
};

bool is_printed(uint32_t rune) {
    if (rune < 0x7f) return rune >= ' ';
    for (const RuneRange& range : kNotPrinted) {
        if (rune <= range.to) return rune < range.from;
    }
    return true;
}

// The letter of a two-character escape, or 0.
char escape_letter(uint32_t rune) {
    switch (rune) {
        case '\a':
            return 'a';
        case '\b':
            return 'b';
        case '\f':
            return 'f';
        case '\n':
            return 'n';
        case '\r':
            return 'r';
        case '\t':
            return 't';
        case '\v':
            return 'v';
        case '\\':
            return '\\';
        default:
            return 0;
    }
}

void append_quoted(std::string* out, std::string_view text, char quote_mark) {
    while (!text.empty()) {
        const Rune rune = first_rune(text);
        const std::string_view bytes = text.substr(0, rune.size);
        text.remove_prefix(rune.size);
        const auto into = std::back_inserter(*out);
        if (!rune.valid) {
            fmt::format_to(into, "\\x{:02x}", static_cast<uint8_t>(bytes[0]));
        } else if (const char letter = escape_letter(rune.value); letter != 0) {
            out->append({'\\', letter});
        } else if (rune.value == static_cast<uint32_t>(quote_mark)) {
            out->append({'\\', quote_mark});
        } else if (is_printed(rune.value)) {
            out->append(bytes);
        } else if (rune.value < 0x80) {
            fmt::format_to(into, "\\x{:02x}", rune.value);
        } else if (rune.value < 0x10000) {
            fmt::format_to(into, "\\u{:04x}", rune.value);
        } else {
            fmt::format_to(into, "\\U{:08x}", rune.value);
        }
    }
}

// ---- redaction ---------------------------------------------------------------------------------

constexpr std::string_view kRedacted = "[REDACTED]";

bool is_regexp_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool starts_with_word(std::string_view text, std::string_view lower_word) {
    if (text.size() < lower_word.size()) return false;
    for (size_t i = 0; i < lower_word.size(); ++i) {
        const char c = text[i];
        const char folded = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
        if (folded != lower_word[i]) return false;
    }
    return true;
}

size_t skip_spaces(std::string_view text, size_t at) {
    while (at < text.size() && is_regexp_space(text[at])) ++at;
    return at;
}

// "?\s*[:=]\s*"?  - where the value behind it begins, or npos.
size_t value_after_key(std::string_view text, size_t at) {
    if (at < text.size() && text[at] == '"') ++at;
    at = skip_spaces(text, at);
    if (at == text.size() || (text[at] != ':' && text[at] != '=')) return std::string_view::npos;
    at = skip_spaces(text, at + 1);
    return at < text.size() && text[at] == '"' ? at + 1 : at;
}

// (auth_token|pass)\S*? and the above, at `at`.
size_t value_of_prefix_key(std::string_view text, size_t at) {
    for (const std::string_view word : {"auth_token", "pass"}) {
        if (!starts_with_word(text.substr(at), word)) continue;
        for (size_t key_end = at + word.size(); key_end <= text.size(); ++key_end) {
            const size_t value = value_after_key(text, key_end);
            if (value != std::string_view::npos) return value;
            if (key_end < text.size() && is_regexp_space(text[key_end])) break;
        }
    }
    return std::string_view::npos;
}

// (^|[^A-Za-z0-9_])"?\s*(proxy_sig|nkey|sig|jwt) and the above, with the word at `at`.
size_t value_of_exact_key(std::string_view text, size_t at) {
    if (at > 0 && is_word(text[at - 1])) return std::string_view::npos;
    for (const std::string_view word : {"proxy_sig", "nkey", "sig", "jwt"}) {
        if (!starts_with_word(text.substr(at), word)) continue;
        const size_t value = value_after_key(text, at + word.size());
        if (value != std::string_view::npos) return value;
    }
    return std::string_view::npos;
}

// A string ends at a quote that is not escaped, anything else where JSON goes on. No secret is a list or
// an object: where one stands in its place, all that follows is hidden.
size_t end_of_value(std::string_view text, size_t begin) {
    if (begin < text.size() && (text[begin] == '[' || text[begin] == '{') && text[begin - 1] != '"') {
        return text.size();
    }
    if (text[begin - 1] != '"') return std::min(text.find_first_of("\",\r\n}", begin), text.size());
    size_t at = begin;
    while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
    return std::min(at, text.size());
}

template <typename FindValue>
std::string redact_values(std::string_view text, FindValue find_value) {
    std::string result;
    size_t copied = 0;
    size_t at = 0;
    while (at < text.size()) {
        const size_t value = find_value(text, at);
        if (value == std::string_view::npos) {
            ++at;
            continue;
        }
        const size_t value_end = end_of_value(text, value);
        result.append(text.substr(copied, value - copied)).append(kRedacted);
        copied = value_end;
        at = value_end;
    }
    return result.append(text.substr(copied));
}

}  // namespace

std::string quote(std::string_view text) {
    std::string result = "\"";
    append_quoted(&result, text, '"');
    return result += '"';
}

std::string quote_byte(char byte) {
    // Go turns the byte into the rune of that number.
    const uint8_t value = static_cast<uint8_t>(byte);
    const char wide[] = {static_cast<char>(0xc0 | value >> 6),
                         static_cast<char>(0x80 | (value & 0x3f))};
    const std::string_view text =
        value < 0x80 ? std::string_view(&byte, 1) : std::string_view(wide, sizeof wide);
    std::string result = "'";
    append_quoted(&result, text, '\'');
    return result += '\'';
}

std::string redact(std::string_view connect) {
    // A key may be hidden in escapes.
    if (connect.find("\\u") != std::string_view::npos) return std::string(kRedacted);
    return redact_values(redact_values(connect, value_of_prefix_key), value_of_exact_key);
}

}  // namespace nuring::proto

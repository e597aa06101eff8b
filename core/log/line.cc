// SPDX-License-Identifier: Apache-2.0
#include "core/log/line.h"

#include <fmt/format.h>

#include <array>
#include <iterator>

#include "core/base/time_units.h"

namespace nuring::log {
namespace {

struct LevelText {
    std::string_view label;
    std::string_view colour;
};

// In the order of Level.
constexpr std::array<LevelText, kLevelCount> kLevelTexts = {{
    {"INF", "32"},
    {"DBG", "36"},
    {"WRN", "0;93"},
    {"ERR", "31"},
    {"FTL", "31"},
    {"TRC", "33"},
}};

const LevelText& text_of(Level level) {
    return kLevelTexts[static_cast<size_t>(level)];
}

bool is_control(unsigned char c) {
    return c < 0x20 || c == 0x7f;
}

// Length of the well-formed UTF-8 sequence at the start of text; 0 if there is none.
size_t utf8_length(std::string_view text) {
    const auto byte_at = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte_at(0);
    if (lead < 0x80) return 1;
    const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
    for (size_t i = 1; i < length; ++i) {
        if ((byte_at(i) & 0xc0) != 0x80) return 0;
    }
    const unsigned char second = byte_at(1);
    if (lead == 0xe0 && second < 0xa0) return 0;  // overlong
    if (lead == 0xed && second > 0x9f) return 0;  // surrogate
    if (lead == 0xf0 && second < 0x90) return 0;  // overlong
    if (lead == 0xf4 && second > 0x8f) return 0;  // above U+10FFFF
    return length;
}

}  // namespace

std::string_view label_of(Level level) {
    return text_of(level).label;
}

void append_escaped(std::string& out, std::string_view text) {
    size_t clean_from = 0;
    for (size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (!is_control(c) || c == '\t') continue;
        out.append(text.substr(clean_from, i - clean_from));
        clean_from = i + 1;
        if (c == '\n') {
            out += "\\n";
        } else if (c == '\r') {
            out += "\\r";
        } else {
            fmt::format_to(std::back_inserter(out), "\\x{:02x}", c);
        }
    }
    out.append(text.substr(clean_from));
}

void append_json_escaped(std::string& out, std::string_view text) {
    for (size_t i = 0; i < text.size();) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += static_cast<char>(c);
            ++i;
        } else if (c == '\n') {
            out += "\\n";
            ++i;
        } else if (c == '\r') {
            out += "\\r";
            ++i;
        } else if (c == '\t') {
            out += "\\t";
            ++i;
        } else if (is_control(c)) {
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", c);
            ++i;
        } else if (const size_t length = utf8_length(text.substr(i)); length > 0) {
            out.append(text.substr(i, length));
            i += length;
        } else {
            out += "\\ufffd";
            ++i;
        }
    }
}

const std::tm& LineWriter::calendar(uint64_t time_ns, bool utc) {
    const auto second = static_cast<std::time_t>(time_ns / base::kSecond_ns);
    if (second != calendar_second_ || utc != calendar_utc_) {
        if (utc) {
            gmtime_r(&second, &calendar_);
        } else {
            localtime_r(&second, &calendar_);
        }
        calendar_second_ = second;
        calendar_utc_ = utc;
    }
    return calendar_;
}

void LineWriter::append_text(std::string& out, const Line& line) {
    const auto to = std::back_inserter(out);
    fmt::format_to(to, "[{}] ", format_.pid);
    if (format_.logtime) {
        const std::tm& at = calendar(line.time_ns, format_.logtime_utc);
        fmt::format_to(to, "{:04}/{:02}/{:02} {:02}:{:02}:{:02}.{:06} ", at.tm_year + 1900,
                       at.tm_mon + 1, at.tm_mday, at.tm_hour, at.tm_min, at.tm_sec,
                       line.time_ns % base::kSecond_ns / base::kMicrosecond_ns);
    }
    const LevelText& level = text_of(line.level);
    if (format_.colour) {
        fmt::format_to(to, "[\x1b[{}m{}\x1b[0m] ", level.colour, level.label);
    } else {
        fmt::format_to(to, "[{}] ", level.label);
    }
    append_escaped(out, line.text);
    out += '\n';
}

void LineWriter::append_json(std::string& out, const Line& line) {
    const std::tm& at = calendar(line.time_ns, true);
    fmt::format_to(
        std::back_inserter(out),
        R"({{"time":"{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z","pid":{},"level":"{}","text":")",
        at.tm_year + 1900, at.tm_mon + 1, at.tm_mday, at.tm_hour, at.tm_min, at.tm_sec,
        line.time_ns % base::kSecond_ns / base::kMicrosecond_ns, format_.pid, label_of(line.level));
    append_json_escaped(out, line.text);
    out += "\"}\n";
}

void LineWriter::append(std::string& out, const Line& line) {
    if (format_.json) {
        append_json(out, line);
    } else {
        append_text(out, line);
    }
}

}  // namespace nuring::log

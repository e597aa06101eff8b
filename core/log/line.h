// SPDX-License-Identifier: Apache-2.0
// One log line and its forms: text, coloured text, JSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>

namespace nuring::log {

// The levels of a line, in no order of weight: info, warn, error and fatal are always shown, debug
// and trace each have a switch.
// Source: logger/log.go 2.0.0-RC19 (labels and colours).
enum class Level : uint8_t { kInfo, kDebug, kWarn, kError, kFatal, kTrace };
inline constexpr size_t kLevelCount = 6;

// "INF", "DBG", "WRN", "ERR", "FTL", "TRC".
std::string_view label_of(Level level);

// Longer lines are cut and end with "...". A traced payload is the only line that comes near.
inline constexpr size_t kLineBytesMax = 32 * 1024;

// Line is one log line before it is given a form; the text is borrowed for the call.
struct Line {
    uint64_t time_ns = 0;  // wall clock, since 1970
    Level level = Level::kInfo;
    std::string_view text;
};

struct LineFormat {
    int pid = 0;
    bool logtime = true;       // false: no time stamp in the text form
    bool logtime_utc = false;  // false: local time
    bool json = false;         // one JSON object per line
    bool colour = false;       // label in ANSI colour; text form only
};

// LineWriter turns lines into bytes:
//
//     [<pid>] 2026/11/21 06:00:00.123456 [INF] text
//     {"time":"2026-11-21T06:00:00.123456Z","pid":1,"level":"INF","text":"text"}
//
// Control characters are escaped in both forms, so that no peer can forge a line. JSON time is always UTC.
// Threads: one owner (it remembers the last second that it converted).
// Errors:  none. Bytes that are not UTF-8 become U+FFFD in JSON.
// Source:  logger/log.go 2.0.0-RC19; the JSON form is ours.
class LineWriter {
  public:
    explicit LineWriter(const LineFormat& format) : format_(format) {}

    // Appends the line and its newline.
    void append(std::string& out, const Line& line);

  private:
    void append_text(std::string& out, const Line& line);
    void append_json(std::string& out, const Line& line);
    const std::tm& calendar(uint64_t time_ns, bool utc);

    LineFormat format_;
    std::time_t calendar_second_ = -1;
    bool calendar_utc_ = false;
    std::tm calendar_ = {};
};

// Appends text with control characters as \n, \r, \t and \xHH.
void append_escaped(std::string& out, std::string_view text);
// Appends text as the inside of a JSON string.
void append_json_escaped(std::string& out, std::string_view text);

}  // namespace nuring::log

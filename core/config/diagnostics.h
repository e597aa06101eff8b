// SPDX-License-Identifier: Apache-2.0
// The messages of reading a configuration, with their places in its files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nuring::config {

// Position names a byte of a configuration file. Lines and columns count from 1, columns in bytes;
// line 0 means "no place" (a value from a flag, from the environment, or built by a test).
struct Position {
    std::string file;
    int line = 0;
    int column = 0;

    friend bool operator==(const Position&, const Position&) = default;
};

// A notice: something is accepted without effect. It never fails a check (-t), while a
// warning does, as in the reference.
enum class Severity { kNotice, kWarning, kError };

struct Diagnostic {
    Severity severity = Severity::kError;
    Position position;
    std::string text;
    bool is_syntax = false;

    // "file:line:column: text"; "program: text" or the text alone if there is no place.
    std::string to_string(std::string_view program = {}) const;
    // "Parse error on line 3: 'text' (file:3:7)": the first words of a syntax error are what tools look for.
    std::string to_syntax_error() const;
};

// Diagnostics collects everything that is wrong with one configuration, so that a user sees all of
// it at once instead of one mistake per run.
// Threads: one owner (the control thread, or main before it starts one).
// Limits:  kDiagnosticsMax entries; what comes after is counted in dropped().
// Errors:  none.
// Source:  ours; RC19 collects the same way but prints its errors in random order.
class Diagnostics {
  public:
    static constexpr size_t kDiagnosticsMax = 1000;

    void error(Position position, std::string_view text);
    void syntax_error(Position position, std::string_view text);
    void warning(Position position, std::string_view text);
    void notice(Position position, std::string_view text);

    bool has_errors() const { return error_count_ > 0; }
    size_t error_count() const { return error_count_; }
    bool has_warnings() const { return warning_count_ > 0; }
    size_t dropped() const { return dropped_; }
    const std::vector<Diagnostic>& entries() const { return entries_; }

    // Notices and warnings first, then errors, each in file order, one per line, every line ended
    // by '\n'. With a program, the first of those that make a check fail has its name in front, as in
    // the reference.
    std::string to_string(std::string_view program = {}) const;

    // Errors and warnings as one text for the log, without a program's name.
    std::string to_log() const;

  private:
    void add(Diagnostic entry);

    std::vector<Diagnostic> entries_;
    size_t error_count_ = 0;
    size_t warning_count_ = 0;
    size_t dropped_ = 0;
};

}  // namespace nuring::config

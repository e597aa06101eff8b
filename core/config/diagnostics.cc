// SPDX-License-Identifier: Apache-2.0
#include "core/config/diagnostics.h"

#include <fmt/format.h>

#include <utility>

namespace nuring::config {

std::string Diagnostic::to_string(std::string_view program) const {
    if (position.line == 0) {
        const std::string_view name = position.file.empty() ? program : position.file;
        return name.empty() ? text : fmt::format("{}: {}", name, text);
    }
    // Odd, but what scripts know from nats-server: from 0 on the first line, from 1 on others.
    // Source: conf/lex.go 2.0.0-RC19 to 2.15.
    const int column = position.line == 1 ? position.column - 1 : position.column;
    return fmt::format("{}:{}:{}: {}", position.file, position.line, column, text);
}

// Source: conf/lex.go 2.15.3. A new line that is not expected counts as read: its line is the next.
std::string Diagnostic::to_syntax_error() const {
    const int line = position.line + (text.ends_with("found new line") ? 1 : 0);
    return fmt::format("Parse error on line {}: '{}' ({}:{}:{})", line, text, position.file, position.line,
                       position.column);
}

void Diagnostics::syntax_error(Position position, std::string_view text) {
    ++error_count_;
    add({Severity::kError, std::move(position), std::string(text), /*is_syntax=*/true});
}

void Diagnostics::error(Position position, std::string_view text) {
    ++error_count_;
    add({Severity::kError, std::move(position), std::string(text)});
}

void Diagnostics::warning(Position position, std::string_view text) {
    ++warning_count_;
    add({Severity::kWarning, std::move(position), std::string(text)});
}

void Diagnostics::notice(Position position, std::string_view text) {
    add({Severity::kNotice, std::move(position), std::string(text)});
}

void Diagnostics::add(Diagnostic entry) {
    if (entries_.size() >= kDiagnosticsMax) {
        ++dropped_;
        return;
    }
    entries_.push_back(std::move(entry));
}

std::string Diagnostics::to_string(std::string_view program) const {
    std::string out;
    bool named = program.empty();
    for (const bool errors : {false, true}) {
        for (const Diagnostic& entry : entries_) {
            if ((entry.severity == Severity::kError) != errors) continue;
            std::string line = entry.is_syntax && !program.empty() ? entry.to_syntax_error()
                                                                   : entry.to_string(program);
            if (!named && entry.severity != Severity::kNotice) {
                named = true;
                const std::string name = fmt::format("{}: ", program);
                if (!line.starts_with(name)) line = name + line;
            }
            out += line + "\n";
        }
    }
    if (dropped_ > 0) out += fmt::format("... and {} more\n", dropped_);
    return out;
}

std::string Diagnostics::to_log() const {
    std::string out;
    for (const Diagnostic& entry : entries_) {
        if (entry.severity == Severity::kNotice) continue;
        if (!out.empty()) out += '\n';
        out += entry.is_syntax ? entry.to_syntax_error() : entry.to_string();
    }
    return out;
}

}  // namespace nuring::config

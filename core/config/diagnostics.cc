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

void Diagnostics::error(Position position, std::string_view text) {
    ++error_count_;
    add(Severity::kError, std::move(position), text);
}

void Diagnostics::warning(Position position, std::string_view text) {
    ++warning_count_;
    add(Severity::kWarning, std::move(position), text);
}

void Diagnostics::notice(Position position, std::string_view text) {
    add(Severity::kNotice, std::move(position), text);
}

void Diagnostics::add(Severity severity, Position position, std::string_view text) {
    if (entries_.size() >= kDiagnosticsMax) {
        ++dropped_;
        return;
    }
    entries_.push_back({severity, std::move(position), std::string(text)});
}

std::string Diagnostics::to_string(std::string_view program) const {
    std::string out;
    for (const bool errors : {false, true}) {
        for (const Diagnostic& entry : entries_) {
            if ((entry.severity == Severity::kError) == errors)
                out += entry.to_string(program) + "\n";
        }
    }
    if (dropped_ > 0) out += fmt::format("... and {} more\n", dropped_);
    return out;
}

}  // namespace nuring::config

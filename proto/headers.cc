// SPDX-License-Identifier: Apache-2.0
#include "proto/headers.h"

#include "proto/encode_client.h"

namespace nuring::proto {
namespace {

constexpr std::string_view kColon = ": ";

bool is_field_blank(char c) {
    return c == ' ' || c == '\t';
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && is_field_blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_field_blank(text.back())) text.remove_suffix(1);
    return text;
}

// The first line with its CRLF; empty if there is no CRLF.
std::string_view first_line(std::string_view text) {
    const size_t end = text.find(kLineEnd);
    return end == std::string_view::npos ? std::string_view() : text.substr(0, end + 2);
}

bool has_version(std::string_view block) {
    if (!block.starts_with(kHeaderVersion)) return false;
    const std::string_view after = block.substr(kHeaderVersion.size());
    return after.starts_with(kLineEnd) || after.starts_with(' ') || after.starts_with('\t');
}

char* append_field(char* out, const HeaderChange& field) {
    return append(append(append(append(out, field.name), kColon), field.value), kLineEnd);
}

}  // namespace

HeaderReader::HeaderReader(std::string_view block) {
    if (has_version(block)) rest_ = block.substr(first_line(block).size());
}

bool HeaderReader::next(HeaderField* field) {
    const std::string_view line = first_line(rest_);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) return false;
    for (const char c : line.substr(0, colon)) {
        if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f) return false;
    }
    field->name = line.substr(0, colon);
    field->value = trimmed(line.substr(colon + 1, line.size() - colon - 3));
    field->line = line;
    rest_.remove_prefix(line.size());
    return true;
}

HeaderStatus check_headers(std::string_view block) {
    if (!has_version(block)) return HeaderStatus::kBadVersion;
    if (first_line(block).empty()) return HeaderStatus::kUnterminated;
    HeaderReader reader(block);
    HeaderField field;
    while (reader.next(&field)) {
    }
    if (reader.rest() == kLineEnd) return HeaderStatus::kOk;
    if (reader.rest().starts_with(kLineEnd)) return HeaderStatus::kTrailing;
    return first_line(reader.rest()).empty() ? HeaderStatus::kUnterminated : HeaderStatus::kBadLine;
}

std::string_view header_status(std::string_view block) {
    if (!has_version(block)) return {};
    const std::string_view line = first_line(block);
    if (line.empty()) return {};
    return trimmed(line.substr(kHeaderVersion.size(), line.size() - kHeaderVersion.size() - 2));
}

bool find_header(std::string_view block, std::string_view name, HeaderField* field) {
    HeaderReader reader(block);
    while (reader.next(field)) {
        if (field->name == name) return true;
    }
    return false;
}

size_t set_header_size_max(std::string_view block, const HeaderChange& change) {
    const size_t empty_size = kHeaderVersion.size() + 2 * kLineEnd.size();
    return block.size() + empty_size + change.name.size() + kColon.size() + change.value.size() +
           kLineEnd.size();
}

char* set_header(char* out, std::string_view block, const HeaderChange& change) {
    if (block.empty()) {
        out = append(append(out, kHeaderVersion), kLineEnd);
        return append(append_field(out, change), kLineEnd);
    }
    if (check_headers(block) != HeaderStatus::kOk) return append(out, block);
    out = append(out, first_line(block));
    HeaderReader reader(block);
    HeaderField field;
    bool written = false;
    while (reader.next(&field)) {
        if (field.name != change.name) {
            out = append(out, field.line);
        } else if (!written) {
            out = append_field(out, change);
            written = true;
        }
    }
    if (!written) out = append_field(out, change);
    return append(out, kLineEnd);
}

char* remove_header(char* out, std::string_view block, std::string_view name) {
    if (check_headers(block) != HeaderStatus::kOk) return append(out, block);
    char* const start = out;
    out = append(out, first_line(block));
    HeaderReader reader(block);
    HeaderField field;
    size_t count = 0;
    while (reader.next(&field)) {
        if (field.name == name) continue;
        out = append(out, field.line);
        ++count;
    }
    if (count == 0 && header_status(block).empty()) return start;
    return append(out, kLineEnd);
}

}  // namespace nuring::proto

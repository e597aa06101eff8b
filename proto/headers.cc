// SPDX-License-Identifier: Apache-2.0
#include "proto/headers.h"

#include <algorithm>

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

bool ends_line(char c) {
    return c == '\r' || c == '\n';
}

// The next line that begins with `name:`, or npos.
size_t find_line(std::string_view block, std::string_view name, size_t from) {
    for (size_t at = block.find(name, from); at != std::string_view::npos;
         at = block.find(name, at + 1)) {
        const size_t colon = at + name.size();
        if (at > 0 && ends_line(block[at - 1]) && colon < block.size() && block[colon] == ':')
            return at;
    }
    return std::string_view::npos;
}

// That line, with its CRLF if it has one.
std::string_view line_at(std::string_view block, size_t at) {
    const size_t end = block.find(kLineEnd, at);
    return end == std::string_view::npos ? block.substr(at) : block.substr(at, end + 2 - at);
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
    const size_t at = find_line(block, name, 0);
    if (at == std::string_view::npos) return false;
    field->line = line_at(block, at);
    field->name = field->line.substr(0, name.size());
    field->value = field->line.substr(name.size() + 1);
    if (field->value.ends_with(kLineEnd)) field->value.remove_suffix(kLineEnd.size());
    field->value = trimmed(field->value);
    return true;
}

size_t set_header_size_max(std::string_view block, const HeaderChange& change) {
    const size_t empty_size = kHeaderVersion.size() + 2 * kLineEnd.size();
    return block.size() + empty_size + change.name.size() + kColon.size() + change.value.size() +
           kLineEnd.size();
}

char* set_header(char* out, std::string_view block, const HeaderChange& change) {
    char* const begin = out;
    size_t at = 0;
    for (size_t found = 0; at < block.size(); at = found + line_at(block, found).size()) {
        found = std::min(find_line(block, change.name, at), block.size());
        out = append(out, block.substr(at, found - at));
        if (found == block.size()) break;
    }
    while (out != begin && ends_line(out[-1])) --out;
    if (out == begin) out = append(out, kHeaderVersion);
    out = append(out, kLineEnd);
    return append(append_field(out, change), kLineEnd);
}

}  // namespace nuring::proto

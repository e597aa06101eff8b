// SPDX-License-Identifier: Apache-2.0
// The head of an HTTP/1.x request or answer: its first line and its fields.
//
// Our own reader: the two places that read heads (monitoring pages, WebSocket upgrades) must refuse
// what Go's net/http refuses, in its words, and a library that serves whole connections brings threads
// and sockets of its own.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nuring::proto {

struct HttpField {
    std::string_view name;
    std::string value;  // without blanks around it
};

// HttpFields is what stands below the first line, in order.
// Threads: one. Limits: those of the head. Errors: read() gives nothing if a line is no field.
// Lifetime: names are part of the text that was read.
// Source:  net/textproto/reader.go (Go 1.19).
class HttpFields {
  public:
    // The lines after the first; a line that begins with a blank continues the one before. Names may
    // still hold blanks: faulty_name() finds them.
    static std::optional<HttpFields> read(std::string_view lines);

    bool empty() const { return fields_.empty(); }
    // All values of a name, in any case of letters.
    std::vector<std::string_view> values(std::string_view name) const;
    // The first of them; empty if there is none.
    std::string_view value(std::string_view name) const;
    bool has(std::string_view name) const { return !values(name).empty(); }
    // Whether a word is among the comma-separated ones of all values of a name, in any case of letters.
    bool has_word(std::string_view name, std::string_view word) const;

    bool has_faulty_name() const;
    bool has_faulty_value() const;

  private:
    std::vector<HttpField> fields_;
};

struct HttpVersion {
    char major = '1';
    char minor = '1';
    bool is(char a, char b) const { return major == a && minor == b; }
};

// "HTTP/1.1"; nothing if it is no version.
std::optional<HttpVersion> read_http_version(std::string_view text);

struct HttpRequestLine {
    std::string_view method;
    std::string_view target;
    HttpVersion version;
};

// "GET / HTTP/1.1"; nothing if it is no such line.
std::optional<HttpRequestLine> read_http_request_line(std::string_view line);

// Path and query of a target in any of its forms; nothing if it has none of them.
std::optional<std::string_view> http_origin_form(std::string_view target);

bool is_http_token(std::string_view text);
bool is_http_host(std::string_view text);
bool is_http_field_value(std::string_view text);

// Equal in any case of letters.
bool same_http_word(std::string_view a, std::string_view b);
// Without the blanks around it.
std::string_view without_blanks(std::string_view text);
// Takes the first line off `rest`, without its end.
std::string_view take_http_line(std::string_view* rest);

// Size of the head at the front of `input`, with its empty line; 0 if that has not come. The first
// `scanned` bytes were there at an earlier call that answered 0.
size_t find_http_head_end(std::string_view input, size_t scanned);

}  // namespace nuring::proto

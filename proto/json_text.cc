// SPDX-License-Identifier: Apache-2.0
#include "proto/json_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "proto/quote.h"
#include "proto/utf8.h"

namespace nuring::proto {
namespace {

constexpr std::string_view kUnexpectedEnd = "unexpected end of JSON input";

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_hex(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// JsonSyntax walks one text and keeps the first error. Nesting is a string of open brackets, not
// recursion: the peer chooses the depth.
class JsonSyntax {
  public:
    explicit JsonSyntax(std::string_view text) : text_(text) {}

    std::string check() {
        if (!take_value()) return error_;
        while (!open_.empty()) {
            if (!take_after_value()) return error_;
        }
        skip_spaces();
        if (at_ != text_.size()) fail("after top-level value");
        return error_;
    }

  private:
    bool fail(std::string_view where) {
        error_ = at_ == text_.size()
                     ? std::string(kUnexpectedEnd)
                     : fmt::format("invalid character {} {}", quote_byte(text_[at_]), where);
        return false;
    }
    void skip_spaces() {
        while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    }
    bool next_is(char c) const { return at_ < text_.size() && text_[at_] == c; }

    // Up to the end of a scalar, or to the first value inside brackets which is a scalar or empty.
    bool take_value() {
        for (;;) {
            skip_spaces();
            if (next_is('{')) {
                ++at_;
                skip_spaces();
                if (next_is('}')) {
                    ++at_;
                    return true;
                }
                if (!take_key()) return false;
                open_ += '{';
            } else if (next_is('[')) {
                ++at_;
                skip_spaces();
                if (next_is(']')) {
                    ++at_;
                    return true;
                }
                open_ += '[';
            } else {
                return take_scalar();
            }
        }
    }

    bool take_after_value() {
        skip_spaces();
        const bool in_object = open_.back() == '{';
        if (next_is(in_object ? '}' : ']')) {
            ++at_;
            open_.pop_back();
            return true;
        }
        if (!next_is(',')) {
            return fail(in_object ? "after object key:value pair" : "after array element");
        }
        ++at_;
        if (in_object && !take_key()) return false;
        return take_value();
    }

    bool take_key() {
        skip_spaces();
        if (!next_is('"')) return fail("looking for beginning of object key string");
        if (!take_string()) return false;
        skip_spaces();
        if (!next_is(':')) return fail("after object key");
        ++at_;
        return true;
    }

    bool take_scalar() {
        if (at_ == text_.size()) return fail("");
        switch (text_[at_]) {
            case '"':
                return take_string();
            case 't':
                return take_word("true");
            case 'f':
                return take_word("false");
            case 'n':
                return take_word("null");
            default:
                break;
        }
        if (text_[at_] == '-' || is_digit(text_[at_])) return take_number();
        return fail("looking for beginning of value");
    }

    bool take_word(std::string_view word) {
        for (const char c : word) {
            if (!next_is(c)) return fail(fmt::format("in literal {} (expecting '{}')", word, c));
            ++at_;
        }
        return true;
    }

    bool take_string() {
        for (++at_; at_ < text_.size(); ++at_) {
            const char c = text_[at_];
            if (c == '"') {
                ++at_;
                return true;
            }
            if (static_cast<uint8_t>(c) < 0x20) return fail("in string literal");
            if (c == '\\' && !take_escape()) return false;
        }
        return fail("");
    }

    // At the backslash; ends at the last character of the escape.
    bool take_escape() {
        ++at_;
        if (at_ == text_.size()) return fail("");
        if (text_[at_] != 'u') {
            const bool known = std::string_view("bfnrt\\/\"").find(text_[at_]) != text_.npos;
            return known || fail("in string escape code");
        }
        for (int i = 0; i < 4; ++i) {
            ++at_;
            if (at_ == text_.size() || !is_hex(text_[at_])) {
                return fail("in \\u hexadecimal character escape");
            }
        }
        return true;
    }

    void skip_digits() {
        while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
    }
    bool take_digits(std::string_view where) {
        if (at_ == text_.size() || !is_digit(text_[at_])) return fail(where);
        skip_digits();
        return true;
    }
    bool take_number() {
        if (next_is('-')) ++at_;
        if (next_is('0')) {
            ++at_;
        } else if (!take_digits("in numeric literal")) {
            return false;
        }
        if (next_is('.')) {
            ++at_;
            if (!take_digits("after decimal point in numeric literal")) return false;
        }
        if (next_is('e') || next_is('E')) {
            ++at_;
            if (next_is('+') || next_is('-')) ++at_;
            if (!take_digits("in exponent of numeric literal")) return false;
        }
        return true;
    }

    std::string_view text_;
    size_t at_ = 0;
    std::string open_;
    std::string error_;
};

// Characters that stand for themselves: nearly all of nearly every text.
bool is_plain(char c) {
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

}  // namespace

void append_json_string(std::string* out, std::string_view text) {
    *out += '"';
    for (;;) {
        const auto plain = static_cast<size_t>(
            std::find_if_not(text.begin(), text.end(), &is_plain) - text.begin());
        out->append(text.substr(0, plain));
        text.remove_prefix(plain);
        if (text.empty()) break;
        const Rune rune = first_rune(text);
        const std::string_view bytes = text.substr(0, rune.size);
        text.remove_prefix(rune.size);
        const bool is_html = rune.value == '<' || rune.value == '>' || rune.value == '&';
        const bool is_separator = rune.value == 0x2028 || rune.value == 0x2029;
        if (rune.value == '"' || rune.value == '\\') {
            out->append({'\\', static_cast<char>(rune.value)});
        } else if (rune.value == '\n') {
            out->append("\\n");
        } else if (rune.value == '\r') {
            out->append("\\r");
        } else if (rune.value == '\t') {
            out->append("\\t");
        } else if (rune.value < 0x20 || is_html || is_separator || !rune.valid) {
            fmt::format_to(std::back_inserter(*out), "\\u{:04x}", rune.value);
        } else {
            out->append(bytes);
        }
    }
    *out += '"';
}

std::string json_syntax_error(std::string_view text) {
    return JsonSyntax(text).check();
}

bool equal_keys(std::string_view key, std::string_view field) {
    if (key.size() != field.size()) return false;
    for (size_t i = 0; i < key.size(); ++i) {
        const char a = key[i] >= 'A' && key[i] <= 'Z' ? static_cast<char>(key[i] | 0x20) : key[i];
        if (a != field[i]) return false;
    }
    return true;
}

}  // namespace nuring::proto

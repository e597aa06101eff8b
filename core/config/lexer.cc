// SPDX-License-Identifier: Apache-2.0
#include "core/config/lexer.h"

#include <cassert>
#include <fmt/format.h>

#include <utility>

#include "core/base/hex.h"
#include "core/config/text.h"

namespace nuring::config {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

bool is_blank(char c) {
    return c == ' ' || c == '\t';
}
bool is_new_line(char c) {
    return c == '\n' || c == '\r';
}
bool is_separator(char c) {
    return c == '=' || c == ':';
}
bool is_number_suffix(char c) {
    return std::string_view("kmgtpe").find(lower(c)) != std::string_view::npos;
}

// Bytes of the UTF-8 character that starts the text; broken ones count as one byte.
size_t character_size(std::string_view text) {
    assert(!text.empty());
    const auto lead = static_cast<unsigned char>(text[0]);
    const size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    return size <= text.size() ? size : 1;
}

// Unicode white space beyond ASCII, as Go's unicode.IsSpace knows it: editors and web pages put
// no-break spaces between key and value.
size_t wide_space_size(std::string_view text) {
    for (const std::string_view space :
         {"\xc2\x85", "\xc2\xa0", "\xe1\x9a\x80", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf",
          "\xe2\x81\x9f", "\xe3\x80\x80"}) {
        if (text.starts_with(space)) return space.size();
    }
    const bool general = text.size() >= 3 && text.starts_with("\xe2\x80") &&
                         static_cast<unsigned char>(text[2]) >= 0x80 &&
                         static_cast<unsigned char>(text[2]) <= 0x8a;
    return general ? 3 : 0;
}

}  // namespace

Lexer::Lexer(std::string_view input) : input_(input) {
    if (input_.starts_with(kByteOrderMark)) position_ = line_start_ = kByteOrderMark.size();
}

// ---------------------------------------------------------------------------- characters

char Lexer::peek(size_t ahead) const {
    return position_ + ahead < input_.size() ? input_[position_ + ahead] : '\0';
}

void Lexer::advance() {
    assert(!at_end());
    if (input_[position_] == '\n') {
        ++line_;
        line_start_ = position_ + 1;
    }
    ++position_;
}

size_t Lexer::space_size() const {
    if (at_end()) return 0;
    return is_space(peek()) ? 1 : wide_space_size(input_.substr(position_));
}

void Lexer::skip_spaces() {
    for (size_t size = space_size(); size != 0; size = space_size()) {
        while (size-- > 0) advance();
    }
}

void Lexer::skip_blanks() {
    while (!at_end() && is_blank(peek())) advance();
}

bool Lexer::at_comment() const {
    return peek() == '#' || (peek() == '/' && peek(1) == '/');
}

void Lexer::skip_comment() {
    while (!at_end() && !is_new_line(peek())) advance();
}

// ---------------------------------------------------------------------------- tokens

void Lexer::mark() {
    assert(line_start_ <= position_);
    token_line_ = line_;
    token_column_ = static_cast<int>(position_ - line_start_) + 1;
}

Token Lexer::token(TokenKind kind, std::string text) {
    assert(token_line_ >= 1 && token_column_ >= 1);
    return {kind, std::move(text), token_line_, token_column_};
}

Token Lexer::token_here(TokenKind kind, size_t start) {
    assert(start <= position_);
    return token(kind, std::string(input_.substr(start, position_ - start)));
}

Token Lexer::error(std::string text) {
    mark();
    state_ = State::kDone;
    return token(TokenKind::kError, std::move(text));
}

std::string Lexer::shown() const {
    if (at_end()) return "EOF";
    const char c = peek();
    if (c == '\n') return "\\n";
    if (c == '\r') return "\\r";
    if (static_cast<unsigned char>(c) < 0x20) return fmt::format("\\x{:02x}", c);
    const std::string_view rest = input_.substr(position_);
    return std::string(rest.substr(0, character_size(rest)));
}

Token Lexer::next() {
    while (true) {
        switch (state_) {
            case State::kKey:
                return lex_key();
            case State::kSeparator:
                return lex_separator();
            case State::kArrayValue:
                return lex_array_value();
            case State::kInclude:
                return lex_include();
            case State::kValueEnd: {
                Token out;
                if (lex_value_end(&out)) return out;
                break;
            }
            case State::kDone:
                mark();
                return token(TokenKind::kEnd, "");
        }
    }
}

// ---------------------------------------------------------------------------- keys

// A key, at top level or in a map; or the end of either.
Token Lexer::lex_key() {
    assert(!in_array());
    // Braces around the whole file (JSON) mean nothing, nor do separators there.
    bool closed = false;
    while (true) {
        skip_spaces();
        if (at_comment()) {
            skip_comment();
            continue;
        }
        const bool skip = brackets_.empty() && !at_end() &&
                          std::string_view("{},;").find(peek()) != std::string_view::npos;
        if (!skip) break;
        if (peek() == '}' && !closed) {
            mark();
            closed = true;
        }
        advance();
    }
    // Behind a value a brace may stand, as may a comma; on a line of its own it ends the file.
    if (closed && !at_end()) {
        state_ = State::kDone;
        return token(TokenKind::kError, "Unexpected '}': no map is open here");
    }
    mark();
    if (at_end()) {
        if (!brackets_.empty()) return error("Unexpected EOF processing map.");
        state_ = State::kDone;
        return token(TokenKind::kEnd, "");
    }
    const char c = peek();
    if (c == '}') return lex_bracket_end(TokenKind::kMapEnd);
    if (c == '"' || c == '\'') return lex_quoted_key();
    if (is_separator(c)) return error(fmt::format("Unexpected key separator '{}'", c));
    if (c == ']' && in_map()) return error("Unexpected array end ']' processing map.");
    if (c == ',' || c == ';')
        return error(fmt::format("Unexpected map value terminator \"{}\".", c));
    if (c == '/') return error("Unexpected '/': a comment starts with '//' or '#'");

    const size_t start = position_;
    const auto ends_key = [](char at) {
        return is_separator(at) || at == '{' || at == '}' || at == ',' || at == ';';
    };
    while (!at_end() && space_size() == 0 && !ends_key(peek())) advance();
    const std::string_view text = input_.substr(start, position_ - start);
    // `include` is a word only when white space follows; `include = x` is an include of "=".
    if (space_size() != 0 && to_lower(text) == "include") {
        state_ = State::kInclude;
        return lex_include();
    }
    key_ = text;
    state_ = State::kSeparator;
    if (text.empty()) return error(fmt::format("Expected a key but got '{}'", shown()));
    // nats-server reads the brace as a part of the key: a file must mean the same on the way back.
    if (!at_end() && peek() == '{') {
        state_ = State::kDone;
        return token(TokenKind::kError,
                     fmt::format("unknown field \"{}{{\": a blank is missing before the brace", text));
    }
    return token(TokenKind::kKey, key_);
}

Token Lexer::lex_quoted_key() {
    const char quote = peek();
    assert(quote == '"' || quote == '\'');
    advance();
    mark();
    const size_t start = position_;
    while (!at_end() && peek() != quote) advance();
    if (at_end()) return error("Unexpected EOF.");
    Token key = token_here(TokenKind::kKey, start);
    advance();
    key_ = key.text;
    state_ = State::kSeparator;
    return key;
}

// From behind a key to its value. White space before the separator may hold new lines; behind it
// only inside maps.
Token Lexer::lex_separator() {
    skip_spaces();
    if (!at_end() && is_separator(peek())) {
        advance();
        if (in_map()) {
            skip_spaces();
        } else {
            skip_blanks();
        }
    }
    if (at_end() && in_map()) return error("Unexpected EOF processing map.");
    if (at_end()) return error(fmt::format("key \"{}\" has no value", key_));
    if (in_map() && peek() == ',') return error("Unexpected map value terminator \",\".");
    const char c = peek();
    if (c == '}' || c == ']' || c == ',' || c == ';') {
        return error(fmt::format("key \"{}\" has no value", key_));
    }
    return lex_value();
}

Token Lexer::lex_array_value() {
    assert(in_array());
    while (true) {
        skip_spaces();
        if (!at_comment()) break;
        skip_comment();
    }
    if (at_end()) return error("Unexpected EOF processing array.");
    if (peek() == ',') return error("Unexpected array value terminator ','.");
    if (peek() == ']') {
        mark();
        return lex_bracket_end(TokenKind::kArrayEnd);
    }
    return lex_value();
}

// ---------------------------------------------------------------------------- ends

Token Lexer::lex_bracket_end(TokenKind kind) {
    assert(kind == TokenKind::kMapEnd ? in_map() : in_array());
    advance();
    brackets_.pop_back();
    state_ = State::kValueEnd;
    return token(kind, "");
}

// Reads past a value: white space, a comment, then the start of the next item or the end of the list.
bool Lexer::lex_value_end(Token* out) {
    skip_blanks();
    if (at_comment()) skip_comment();
    if (in_array()) {
        if (peek() == ']' && !at_end()) {
            mark();
            *out = lex_bracket_end(TokenKind::kArrayEnd);
            return true;
        }
        if (!at_end() && (peek() == ',' || is_new_line(peek()))) {
            advance();
            state_ = State::kArrayValue;
            return false;
        }
    } else if (in_map()) {
        if (!at_end() && peek() == '}') {
            mark();
            *out = lex_bracket_end(TokenKind::kMapEnd);
            return true;
        }
        if (!at_end() && (peek() == ',' || peek() == ';' || is_new_line(peek()))) {
            advance();
            state_ = State::kKey;
            return false;
        }
    } else if (at_end() || is_new_line(peek()) || peek() == ';' || peek() == ',' || peek() == '}') {
        if (!at_end()) advance();
        state_ = State::kKey;
        return false;
    }
    *out = value_end_error();
    return true;
}

Token Lexer::value_end_error() {
    if (in_array()) {
        if (at_end()) return error("Unexpected EOF processing array.");
        return error(
            fmt::format("Expected an array value terminator \",\" or an array terminator "
                        "\"]\", but got '{}' instead.",
                        shown()));
    }
    if (in_map()) {
        if (at_end()) return error("Unexpected EOF processing map.");
        return error(
            fmt::format("Expected a map value terminator \",\" or a map terminator \"}}\", "
                        "but got '{}' instead.",
                        shown()));
    }
    return error(
        fmt::format("Expected a top-level value to end with a new line, comment or EOF, "
                    "but got '{}' instead.",
                    shown()));
}

// ---------------------------------------------------------------------------- values

Token Lexer::lex_value() {
    mark();
    const char c = peek();
    state_ = State::kValueEnd;
    switch (c) {
        case '[':
            advance();
            brackets_.push_back(Bracket::kArray);
            state_ = State::kArrayValue;
            return token(TokenKind::kArrayStart, "");
        case '{':
            advance();
            brackets_.push_back(Bracket::kMap);
            state_ = State::kKey;
            return token(TokenKind::kMapStart, "");
        case '\'':
            return lex_raw_string();
        case '"':
            return lex_double_quoted();
        case '(':
            return lex_block();
        case '-':
            return lex_negative_number();
        case '.':
            return error("Floats must start with a digit");
        case '\n':
        case '\r':
            return error("Expected value but found new line");
        default:
            break;
    }
    return is_digit(c) ? lex_number(position_) : lex_unquoted(position_);
}

Token Lexer::lex_raw_string() {
    advance();
    mark();
    const size_t start = position_;
    while (!at_end() && peek() != '\'') advance();
    if (at_end()) return error("Unexpected EOF.");
    Token out = token_here(TokenKind::kString, start);
    advance();
    return out;
}

Token Lexer::lex_double_quoted() {
    advance();
    mark();
    std::string text;
    Token failure;
    while (!at_end() && peek() != '"') {
        if (peek() == '\\') {
            if (!lex_escape(&text, &failure)) return failure;
            continue;
        }
        text += peek();
        advance();
    }
    if (at_end()) return error("Unexpected EOF.");
    advance();
    return token(TokenKind::kString, std::move(text));
}

// At a backslash. False: *failure is an error token.
bool Lexer::lex_escape(std::string* out, Token* failure) {
    advance();
    switch (peek()) {
        case 't':
            *out += '\t';
            break;
        case 'n':
            *out += '\n';
            break;
        case 'r':
            *out += '\r';
            break;
        case '"':
            *out += '"';
            break;
        case '\\':
            *out += '\\';
            break;
        case 'x': {
            const std::string_view digits = input_.substr(position_ + 1, 2);
            if (digits.find_first_of("\r\n") != std::string_view::npos || digits.size() < 2) {
                *failure =
                    error("Expected two hexadecimal digits after '\\x', but hit end of line");
                return false;
            }
            if (base::hex_value(digits[0]) < 0 || base::hex_value(digits[1]) < 0) {
                *failure = error(fmt::format(
                    "Expected two hexadecimal digits after '\\x', but got '{}'", digits));
                return false;
            }
            *out += static_cast<char>(base::hex_value(digits[0]) * 16 + base::hex_value(digits[1]));
            position_ += digits.size();
            break;
        }
        default:
            *failure = error(
                fmt::format("Invalid escape character '{}'. Only the following escape characters "
                            "are allowed: \\xXX, \\t, \\n, \\r, \\\", \\\\.",
                            shown()));
            return false;
    }
    advance();
    return true;
}

// Text without quotes, from start (which may lie before here: a number that turned out to be none).
Token Lexer::lex_unquoted(size_t start) {
    std::string text(input_.substr(start, position_ - start));
    bool plain = text.empty();  // may still be a bool or a variable
    Token failure;
    while (!at_end()) {
        const char c = peek();
        if (is_new_line(c) || is_blank(c) || c == ';' || c == ',' || c == ']' || c == '}') break;
        if (c == '\'') {  // ends the text and is dropped
            advance();
            return token(TokenKind::kString, std::move(text));
        }
        if (c == '\\') {
            plain = false;
            if (!lex_escape(&text, &failure)) return failure;
            continue;
        }
        text += c;
        advance();
    }
    if (text.empty()) return error(fmt::format("Expected value but got '{}'", shown()));
    if (plain && text[0] == '$') return token(TokenKind::kVariable, text.substr(1));
    const std::string word = to_lower(text);
    const bool is_bool = word == "true" || word == "false" || word == "on" || word == "off" ||
                         word == "yes" || word == "no";
    return token(plain && is_bool ? TokenKind::kBool : TokenKind::kString, std::move(text));
}

// Everything between '(' and a line that is exactly ')', with the new lines beside both.
Token Lexer::lex_block() {
    advance();
    mark();
    const size_t start = position_;
    const auto ends_here = [this] {
        if (peek() != ')' || position_ == 0 || input_[position_ - 1] != '\n') return false;
        const std::string_view rest = input_.substr(position_ + 1);
        return rest.empty() || rest.starts_with('\n') || rest.starts_with("\r\n");
    };
    while (!at_end() && !ends_here()) advance();
    if (at_end()) return error("Unexpected EOF processing block.");
    Token out = token_here(TokenKind::kString, start);
    advance();
    return out;
}

// ---------------------------------------------------------------------------- numbers

bool Lexer::ends_number() const {
    if (at_end()) return true;
    const char c = peek();
    return is_new_line(c) || is_blank(c) || c == '}' || c == ']' || c == ';' || c == ',';
}

// Starts with a digit: an integer, a float, a date, an address; anything else is a string.
Token Lexer::lex_number(size_t start) {
    while (!at_end() && is_digit(peek())) advance();
    if (ends_number()) return token_here(TokenKind::kInteger, start);
    if (peek() == '-') return lex_date(start);
    if (peek() == '.') return lex_fraction(start, false);
    if (is_number_suffix(peek())) return lex_suffix(start, false);
    return lex_unquoted(start);
}

Token Lexer::lex_negative_number() {
    const size_t start = position_;
    advance();
    if (peek() == '.') return error("Floats must start with a digit, not '.'.");
    if (at_end() || !is_digit(peek())) {
        return error(fmt::format("Expected a digit but got '{}'.", shown()));
    }
    while (!at_end() && is_digit(peek())) advance();
    if (peek() == '.') return lex_fraction(start, true);
    if (is_number_suffix(peek())) return lex_suffix(start, true);
    return token_here(TokenKind::kInteger, start);  // what follows must end it
}

// 1k, 1KB, 1kib; whether the letters fit is the parser's business. `2m30s` and `1gig` are strings.
Token Lexer::lex_suffix(size_t start, bool negative) {
    advance();
    while (lower(peek()) == 'b' || lower(peek()) == 'i') advance();
    if (ends_number() || negative) return token_here(TokenKind::kInteger, start);
    return lex_unquoted(start);
}

Token Lexer::lex_fraction(size_t start, bool negative) {
    advance();
    if (!is_digit(peek())) {
        return error(
            fmt::format("Floats must have a digit after the '.', but got '{}' instead.", shown()));
    }
    while (is_digit(peek())) advance();
    if (peek() == '.' && !negative) {  // 127.0.0.1:4222
        while (is_digit(peek()) || peek() == '.' || peek() == ':' || peek() == '-') advance();
        return token_here(TokenKind::kString, start);
    }
    if (!negative && is_alpha(peek())) return lex_unquoted(start);  // 1.5h
    return token_here(TokenKind::kFloat, start);
}

// YYYY-MM-DDTHH:MM:SSZ
Token Lexer::lex_date(size_t start) {
    if (position_ - start != 4) return error("All ISO8601 dates must be in full Zulu form.");
    advance();
    for (const char wanted : std::string_view("00-00T00:00:00Z")) {
        if (wanted == '0' && !is_digit(peek())) {
            return error(fmt::format("Expected digit in ISO8601 datetime, but found '{}' instead.",
                                     shown()));
        }
        if (wanted != '0' && (at_end() || peek() != wanted)) {
            return error(fmt::format("Expected '{}' in ISO8601 datetime, but found '{}' instead.",
                                     wanted, shown()));
        }
        advance();
    }
    return token_here(TokenKind::kDatetime, start);
}

// ---------------------------------------------------------------------------- include

Token Lexer::lex_include() {
    skip_blanks();
    mark();
    state_ = State::kValueEnd;
    const char c = peek();
    if (c == '"' || c == '\'') {
        advance();
        mark();
        const size_t start = position_;
        while (!at_end() && peek() != c) advance();
        if (at_end()) return error("Unexpected EOF.");
        Token out = token_here(TokenKind::kInclude, start);
        advance();
        return out;
    }
    constexpr std::string_view kFound = "Expected include value but found ";
    if (at_end() || is_new_line(c)) return error(std::string(kFound) + "new line");
    if (c == '[') return error(std::string(kFound) + "start of an array");
    if (c == '{') return error(std::string(kFound) + "start of a map");
    if (c == '(') return error(std::string(kFound) + "start of a block");
    if (c == '\\') return error(std::string(kFound) + "escape sequence");
    if (is_digit(c) || c == '-') return error(std::string(kFound) + "start of a number");
    const size_t start = position_;
    while (!at_end() && !is_new_line(peek()) && !is_blank(peek()) && peek() != ';' &&
           peek() != '}' && peek() != '\'') {
        advance();
    }
    Token out = token_here(TokenKind::kInclude, start);
    if (peek() == '\'') advance();
    if (out.text.empty()) return error(std::string(kFound) + "nothing");
    return out;
}

}  // namespace nuring::config

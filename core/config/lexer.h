// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nuring::config {

enum class TokenKind : uint8_t {
    kKey,
    kString,
    kVariable,  // text without the '$'
    kBool,      // text as written
    kInteger,   // text as written, with its suffix
    kFloat,
    kDatetime,
    kMapStart,
    kMapEnd,
    kArrayStart,
    kArrayEnd,
    kInclude,  // text: the path
    kEnd,
    kError,  // text: the message; nothing comes after it
};

struct Token {
    TokenKind kind = TokenKind::kEnd;
    std::string text;  // quotes removed, escapes resolved
    int line = 0;      // of the first byte of the text, both from 1
    int column = 0;
};

// Lexer cuts a configuration text into tokens: keys and the values behind them, flat, with brackets
// as tokens of their own. Separators, comments and white space never show.
// Threads: one owner.
// Limits:  none of its own; it holds one level per open bracket (the parser limits nesting).
// Errors:  one kError token with the message, at the byte that does not fit; then kEnd for ever.
// Lifetime: the input must outlive the lexer.
// Source:  conf/lex.go 2.0.0-RC19 and 2.9.10. Accidents that are not copied: `]` after a number
// ends
//          it; a key without a value, an unclosed quote, an empty unquoted value are errors.
class Lexer {
  public:
    explicit Lexer(std::string_view input);

    Token next();

  private:
    enum class State : uint8_t { kKey, kSeparator, kArrayValue, kValueEnd, kInclude, kDone };
    enum class Bracket : uint8_t { kMap, kArray };

    bool at_end() const { return position_ >= input_.size(); }
    char peek(size_t ahead = 0) const;
    void advance();
    size_t space_size() const;  // bytes of the white space character here, 0 if none
    void skip_spaces();         // any white space, new lines too
    void skip_blanks();         // spaces and tabs
    bool at_comment() const;
    void skip_comment();
    bool in_map() const { return !brackets_.empty() && brackets_.back() == Bracket::kMap; }
    bool in_array() const { return !brackets_.empty() && brackets_.back() == Bracket::kArray; }

    void mark();  // the next token starts here
    Token token(TokenKind kind, std::string text);
    Token token_here(TokenKind kind, size_t start);  // text from start to here
    Token error(std::string text);
    std::string shown() const;  // the character here, as messages print it

    Token lex_key();
    Token lex_quoted_key();
    Token lex_separator();
    Token lex_array_value();
    bool lex_value_end(Token* out);  // true: *out is a token
    Token value_end_error();
    Token lex_value();
    Token lex_include();
    Token lex_bracket_end(TokenKind kind);
    Token lex_raw_string();
    Token lex_double_quoted();
    Token lex_unquoted(size_t start);
    bool lex_escape(std::string* out, Token* failure);
    Token lex_block();
    Token lex_number(size_t start);
    Token lex_negative_number();
    Token lex_suffix(size_t start, bool negative);
    Token lex_fraction(size_t start, bool negative);
    Token lex_date(size_t start);
    bool ends_number() const;

    std::string_view input_;
    size_t position_ = 0;
    size_t line_start_ = 0;
    int line_ = 1;
    int token_line_ = 1;
    int token_column_ = 1;
    State state_ = State::kKey;
    std::string key_;  // the last key, for messages
    std::vector<Bracket> brackets_;
};

}  // namespace nuring::config

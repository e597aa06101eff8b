// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nuring::proto::test {

// SubjectModel is the plain model of proto/subject.h: a subject is a vector of tokens.
class SubjectModel {
  public:
    using Tokens = std::vector<std::string>;

    explicit SubjectModel(std::string_view text) : text_(text), tokens_(1) {
        for (const char c : text) {
            if (c == '.') {
                tokens_.emplace_back();
            } else {
                tokens_.back() += c;
            }
        }
    }

    const Tokens& tokens() const { return tokens_; }

    bool is_valid() const {
        if (text_.find_first_of(" \t\r\n\f") != std::string::npos) return false;
        for (const std::string& token : tokens_) {
            if (token.empty() || (token == ">" && &token != &tokens_.back())) return false;
        }
        return true;
    }
    bool is_valid_literal() const {
        for (const std::string& token : tokens_) {
            if (token.empty()) return false;
        }
        return is_literal();
    }
    bool is_literal() const {
        for (const std::string& token : tokens_) {
            if (token == "*" || token == ">") return false;
        }
        return true;
    }

    // As a pattern.
    bool matches(const SubjectModel& literal) const { return matches_from(literal.tokens_, 0); }

  private:
    bool matches_from(const Tokens& literal, size_t at) const {
        if (at == tokens_.size()) return at == literal.size();
        if (at == literal.size()) return false;
        if (tokens_[at] == ">" && at + 1 == tokens_.size()) return true;
        if (tokens_[at] != "*" && tokens_[at] != literal[at]) return false;
        return matches_from(literal, at + 1);
    }

    std::string text_;
    Tokens tokens_;
};

}  // namespace nuring::proto::test

// SPDX-License-Identifier: Apache-2.0
#include "proto/subject.h"

#include <algorithm>

#include "proto/byte_blocks.h"

namespace nuring::proto {
namespace {

bool is_forbidden_byte(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f';
}

bool is_wildcard_byte(char c) {
    return c == '*' || c == '>';
}

// Eight bytes at once: is one of them `byte`? (Subtracting 1 borrows only from a zero byte.)
bool word_has(uint64_t word, char byte) {
    constexpr uint64_t kOnes = 0x0101010101010101ULL;
    const uint64_t zero_if_equal = word ^ (kOnes * static_cast<uint8_t>(byte));
    return ((zero_if_equal - kOnes) & ~zero_if_equal & (kOnes << 7)) != 0;
}

bool has_wildcard_byte(std::string_view subject) {
    constexpr size_t kWordSize = sizeof(uint64_t);
    const char* at = subject.data();
    const char* const end = at + subject.size();
    const auto word_is_wild = [](const char* from) {
        const uint64_t word = load<uint64_t>(from);
        return word_has(word, '*') || word_has(word, '>');
    };
    if (subject.size() >= kWordSize) {
        for (; end - at >= static_cast<ptrdiff_t>(kWordSize); at += kWordSize) {
            if (word_is_wild(at)) return true;
        }
        return at != end && word_is_wild(end - kWordSize);  // overlaps the word before
    }
    for (; at != end; ++at) {
        if (is_wildcard_byte(*at)) return true;
    }
    return false;
}

// A token of a relation between two patterns; `>` is a wildcard only at the end.
enum class TokenSort { kPlain, kAnyToken, kAnyTail, kInvalid };

TokenSort sort_of(const SubjectTokens::Iterator& token) {
    const std::string_view text = *token;
    if (text.empty()) return TokenSort::kInvalid;
    if (text == kAnyToken) return TokenSort::kAnyToken;
    if (text == kAnyTail) return token.is_last() ? TokenSort::kAnyTail : TokenSort::kInvalid;
    return TokenSort::kPlain;
}

bool all_tokens_valid(std::string_view pattern) {
    for (auto token = SubjectTokens::Iterator(pattern); !token.done(); ++token) {
        if (sort_of(token) == TokenSort::kInvalid) return false;
    }
    return true;
}

}  // namespace

size_t token_count(std::string_view subject) {
    size_t count = 1;
    for (const char c : subject) count += c == kTokenSeparator;
    return count;
}

bool is_jetstream_request(std::string_view subject) {
    if (!subject.starts_with(kJetStreamPrefix)) return false;
    auto token = SubjectTokens(subject.substr(kJetStreamPrefix.size())).begin();
    if (*token != "API" && !token.is_last()) ++token;
    return *token == "API";
}

bool is_valid_pattern(std::string_view pattern) {
    char previous = kTokenSeparator;
    for (size_t i = 0; i < pattern.size(); ++i) {
        const char c = pattern[i];
        if (c == kTokenSeparator) {
            if (previous == kTokenSeparator) return false;
            const bool is_tail = previous == '>' && (i == 1 || pattern[i - 2] == kTokenSeparator);
            if (is_tail) return false;
        }
        previous = c;
    }
    return previous != kTokenSeparator;
}

bool is_valid_subject(std::string_view pattern) {
    return is_valid_pattern(pattern) && std::ranges::none_of(pattern, is_forbidden_byte);
}

bool is_valid_literal_subject(std::string_view subject) {
    if (subject.empty()) return false;
    size_t token_size = 0;
    const size_t size = subject.size();
    for (size_t i = 0; i < size; ++i) {
        if (subject[i] != kTokenSeparator) {
            ++token_size;
            continue;
        }
        if (token_size == 0) return false;
        if (token_size == 1 && is_wildcard_byte(subject[i - 1])) return false;
        token_size = 0;
    }
    if (token_size == 0) return false;
    return token_size != 1 || !is_wildcard_byte(subject.back());
}

bool is_literal(std::string_view subject) {
    if (!has_wildcard_byte(subject)) [[likely]]
        return true;
    const size_t size = subject.size();
    for (size_t i = 0; i < size; ++i) {
        if (!is_wildcard_byte(subject[i])) continue;
        const bool starts = i == 0 || subject[i - 1] == kTokenSeparator;
        const bool ends = i + 1 == size || subject[i + 1] == kTokenSeparator;
        if (starts && ends) return false;
    }
    return true;
}

bool matches_literal(std::string_view literal, std::string_view pattern) {
    const char* text = literal.data();
    const char* const text_end = text + literal.size();
    const char* want = pattern.data();
    const char* const want_end = want + pattern.size();
    for (;;) {  // at the start of a token on both sides
        const bool want_single = want != want_end && (want + 1 == want_end || want[1] == '.');
        if (want_single && *want == '>' && want + 1 == want_end) return true;
        if (want_single && *want == '*') {
            while (text != text_end && *text != kTokenSeparator) ++text;
            ++want;
        } else {
            while (want != want_end && *want != kTokenSeparator) {
                if (text == text_end || *text != *want) return false;
                ++text;
                ++want;
            }
        }
        if (text == text_end) return want == want_end;
        if (want == want_end || *text != kTokenSeparator) return false;
        ++text;
        ++want;
    }
}

bool is_subset(std::string_view inner, std::string_view outer) {
    if (!all_tokens_valid(inner) || !all_tokens_valid(outer)) return false;
    auto a = SubjectTokens::Iterator(inner);
    auto b = SubjectTokens::Iterator(outer);
    for (; !a.done() && !b.done(); ++a, ++b) {
        const TokenSort a_sort = sort_of(a);
        const TokenSort b_sort = sort_of(b);
        if (b_sort == TokenSort::kAnyTail) return true;
        if (a_sort == TokenSort::kAnyTail) return false;
        if (b_sort == TokenSort::kAnyToken) continue;
        if (a_sort == TokenSort::kAnyToken || *a != *b) return false;
    }
    return a.done() && b.done();
}

bool subjects_collide(std::string_view a_pattern, std::string_view b_pattern) {
    if (!all_tokens_valid(a_pattern) || !all_tokens_valid(b_pattern)) return false;
    auto a = SubjectTokens::Iterator(a_pattern);
    auto b = SubjectTokens::Iterator(b_pattern);
    for (; !a.done() && !b.done(); ++a, ++b) {
        const TokenSort a_sort = sort_of(a);
        const TokenSort b_sort = sort_of(b);
        if (a_sort == TokenSort::kAnyTail || b_sort == TokenSort::kAnyTail) return true;
        if (a_sort == TokenSort::kAnyToken || b_sort == TokenSort::kAnyToken) continue;
        if (*a != *b) return false;
    }
    return a.done() && b.done();
}

}  // namespace nuring::proto

// SPDX-License-Identifier: Apache-2.0
#include "proto/json_writer.h"

#include <array>
#include <cassert>
#include <charconv>
#include <cmath>

#include "proto/json_text.h"

namespace nuring::proto {

JsonWriter& JsonWriter::key(std::string_view key) {
    assert(!after_key_);
    before_value();
    append_json_string(&out_, key);
    out_ += indent_ == 0 ? ":" : ": ";
    after_key_ = true;
    return *this;
}

void JsonWriter::value(std::string_view text) {
    before_value();
    append_json_string(&out_, text);
}

// Go changes to an exponent below 1e-6 and from 1e21 on; JSON has no infinities.
void JsonWriter::value(double number) {
    if (!std::isfinite(number)) number = 0;
    const double size = std::abs(number);
    const bool exponent = size != 0 && (size < 1e-6 || size >= 1e21);
    std::array<char, 400> text;
    const auto result = std::to_chars(
        text.data(), text.data() + text.size(), number,
        exponent ? std::chars_format::scientific : std::chars_format::fixed);
    std::string_view digits(text.data(), static_cast<size_t>(result.ptr - text.data()));
    std::string shortened;
    // e-09 is e-9 in JSON of Go.
    if (const size_t at = digits.find("e-0"); at != std::string_view::npos) {
        shortened = digits;
        shortened.erase(at + 2, 1);
        digits = shortened;
    }
    raw(digits);
}

void JsonWriter::signed_value(int64_t number) {
    std::array<char, 24> text;
    const auto result = std::to_chars(text.data(), text.data() + text.size(), number);
    raw({text.data(), static_cast<size_t>(result.ptr - text.data())});
}

void JsonWriter::unsigned_value(uint64_t number) {
    std::array<char, 24> text;
    const auto result = std::to_chars(text.data(), text.data() + text.size(), number);
    raw({text.data(), static_cast<size_t>(result.ptr - text.data())});
}

void JsonWriter::raw(std::string_view text) {
    before_value();
    out_ += text;
}

void JsonWriter::begin(char bracket) {
    before_value();
    out_ += bracket;
    ++depth_;
    first_ = true;
}

void JsonWriter::end(char bracket) {
    assert(!after_key_);
    assert(depth_ > 0);
    --depth_;
    if (!first_) new_line();
    out_ += bracket;
    first_ = false;
}

void JsonWriter::before_value() {
    if (after_key_) {
        after_key_ = false;
        return;
    }
    if (!first_) out_ += ',';
    if (depth_ > 0) new_line();
    first_ = false;
}

void JsonWriter::new_line() {
    if (indent_ == 0) return;
    out_ += '\n';
    out_.append(depth_ * indent_, ' ');
}

}  // namespace nuring::proto

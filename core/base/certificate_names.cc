// SPDX-License-Identifier: Apache-2.0
#include "core/base/certificate_names.h"
#include "core/base/hex.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace nuring::base {
namespace {

bool is_special(char c) {
    return c == ',' || c == '+' || c == '"' || c == '\\' || c == '<' || c == '>' || c == ';';
}

// Reads a distinguished name from its text, front to back.
class NameReader {
  public:
    explicit NameReader(std::string_view text) : text_(text) {}

    std::optional<DistinguishedName> read() {
        DistinguishedName name;
        name.parts.emplace_back();
        for (;;) {
            NameAttribute attribute;
            if (!read_type(&attribute.type) || !read_value(&attribute.value)) return std::nullopt;
            name.parts.back().push_back(std::move(attribute));
            if (text_.empty()) return name;
            const char separator = text_.front();
            text_.remove_prefix(1);
            if (separator == ',') name.parts.emplace_back();
        }
    }

  private:
    void skip_blanks() {
        while (!text_.empty() && text_.front() == ' ') text_.remove_prefix(1);
    }

    bool read_type(std::string* type) {
        skip_blanks();
        const size_t equals = text_.find('=');
        if (equals == std::string_view::npos) return false;
        std::string_view raw = text_.substr(0, equals);
        while (raw.ends_with(' ')) raw.remove_suffix(1);
        for (const char c : raw) {
            const auto byte = static_cast<unsigned char>(c);
            if (std::isalnum(byte) == 0 && c != '.' && c != '-') return false;
            *type += static_cast<char>(std::toupper(byte));
        }
        text_.remove_prefix(equals + 1);
        return !type->empty();
    }

    // Up to a bare comma or plus; blanks around it do not count unless escaped.
    bool read_value(std::string* value) {
        skip_blanks();
        size_t kept = 0;  // up to the last byte that is not a bare blank
        while (!text_.empty() && text_.front() != ',' && text_.front() != '+') {
            char c = text_.front();
            text_.remove_prefix(1);
            const bool escaped = c == '\\';
            if (escaped && !read_escape(&c)) return false;
            if (!escaped && is_special(c)) return false;
            *value += c;
            if (escaped || c != ' ') kept = value->size();
        }
        value->resize(kept);
        return true;
    }

    bool read_escape(char* out) {
        if (text_.empty()) return false;
        const int high = hex_value(text_.front());
        if (high >= 0 && text_.size() >= 2 && hex_value(text_[1]) >= 0) {
            *out = static_cast<char>(high * 16 + hex_value(text_[1]));
            text_.remove_prefix(2);
            return true;
        }
        *out = text_.front();
        text_.remove_prefix(1);
        return is_special(*out) || *out == ' ' || *out == '#' || *out == '=';
    }

    std::string_view text_;
};

}  // namespace

std::optional<DistinguishedName> DistinguishedName::parse(std::string_view text) {
    return NameReader(text).read();
}

std::string escape_name_value(std::string_view value) {
    std::string out;
    for (size_t i = 0; i < value.size(); ++i) {
        const char c = value[i];
        const bool first = i == 0;
        const bool last = i + 1 == value.size();
        if (is_special(c) || (first && c == '#') || ((first || last) && c == ' ')) out += '\\';
        out += c;
    }
    return out;
}

std::string DistinguishedName::key(bool ordered) const {
    std::vector<std::string> texts;
    for (const std::vector<NameAttribute>& part : parts) {
        std::vector<std::string> attributes;
        for (const NameAttribute& attribute : part) {
            attributes.push_back(attribute.type + '=' + escape_name_value(attribute.value));
        }
        std::sort(attributes.begin(), attributes.end());
        std::string text;
        for (const std::string& attribute : attributes) {
            if (!text.empty()) text += '+';
            text += attribute;
        }
        texts.push_back(std::move(text));
    }
    if (!ordered) std::sort(texts.begin(), texts.end());
    std::string key;
    for (const std::string& text : texts) {
        if (!key.empty()) key += ',';
        key += text;
    }
    return key;
}

}  // namespace nuring::base

// SPDX-License-Identifier: Apache-2.0
#include "proto/json_document.h"

#include <fmt/format.h>

#include <algorithm>

#include "proto/json_text.h"
#include "proto/utf8.h"

namespace nuring::proto {
namespace {

// As deep as Go reads: the library stops one level before its limit.
constexpr size_t kDepthMax = 10'001;

// Invalid bytes as U+FFFD: Go reads them so, the library refuses the document.
std::string with_valid_runes(std::string_view text) {
    std::string result;
    result.reserve(text.size());
    while (!text.empty()) {
        const Rune rune = first_rune(text);
        result.append(rune.valid ? text.substr(0, rune.size) : kInvalidRuneText);
        text.remove_prefix(rune.size);
    }
    return result;
}

bool is_surrogate(std::string_view escape, std::string_view leads) {
    return escape.size() >= 6 && escape[0] == '\\' && escape[1] == 'u' &&
           (escape[2] | 0x20) == 'd' && leads.find(escape[3]) != std::string_view::npos;
}

// Size of the text up to the end of the escape at its start; unpaired surrogates have `whole`
// false.
size_t escape_size(std::string_view text, bool* whole) {
    constexpr size_t kSize = 6;  // \uXXXX
    const bool high = is_surrogate(text, "89abAB");
    *whole = !high && !is_surrogate(text, "cdefCDEF");
    if (high && is_surrogate(text.substr(kSize), "cdefCDEF")) {
        *whole = true;
        return 2 * kSize;
    }
    return text[1] == 'u' ? kSize : 2;
}

// Go takes, and the library refuses: an unpaired surrogate escape, which Go reads as U+FFFD,
// and numbers beyond 64 bits, which are no integers for Go either: any fraction stands for them.
// `text` is valid JSON.
std::string with_library_values(std::string_view text) {
    constexpr std::string_view kNumberBytes = "+-.0123456789eE";
    constexpr size_t kPlainDigitsMax = 18;  // fit 64 bits, with a sign too
    std::string result;
    result.reserve(text.size());
    bool in_string = false;
    while (!text.empty()) {
        size_t size = 1;
        bool whole = true;
        std::string_view instead;
        if (in_string && text[0] == '\\') {
            size = escape_size(text, &whole);
            instead = kInvalidRuneText;
        } else if (text[0] == '"') {
            in_string = !in_string;
        } else if (!in_string && (text[0] == '-' || (text[0] >= '0' && text[0] <= '9'))) {
            size = std::min(text.find_first_not_of(kNumberBytes), text.size());
            whole = size <= kPlainDigitsMax &&
                    text.substr(0, size).find_first_of(".eE") == std::string_view::npos;
            instead = "0.5";
        }
        result.append(whole ? text.substr(0, size) : instead);
        text.remove_prefix(size);
    }
    return result;
}

}  // namespace

bool is_null_json(const simdjson::dom::element& value) {
    return value.type() == simdjson::dom::element_type::NULL_VALUE;
}

JsonParser::JsonParser() : state_(std::make_unique<State>()) {}
JsonParser::~JsonParser() = default;

simdjson::error_code JsonParser::State::parse_copy(std::string_view text,
                                                   simdjson::dom::element* root) {
    padded_.assign(text);
    padded_.append(simdjson::SIMDJSON_PADDING, '\0');
    // By itself the library grows with its own limit of depth.
    if (parser_.capacity() < text.size() || parser_.max_depth() < kDepthMax) {
        const auto code = parser_.allocate(std::max(parser_.capacity(), text.size()), kDepthMax);
        if (code != simdjson::SUCCESS) return code;
    }
    return parser_.parse(padded_.data(), text.size(), false).get(*root);
}

JsonStatus JsonParser::State::parse(std::string_view text, std::string_view struct_name,
                                    std::optional<simdjson::dom::object>* object,
                                    std::string* error) {
    simdjson::dom::element root;
    simdjson::error_code code = parse_copy(text, &root);
    if (code == simdjson::UTF8_ERROR) code = parse_copy(with_valid_runes(text), &root);
    if (code != simdjson::SUCCESS) {
        *error = json_syntax_error(text);
        if (!error->empty()) return JsonStatus::kBadJson;
        code = parse_copy(with_library_values(with_valid_runes(text)), &root);
        if (code != simdjson::SUCCESS) {
            *error = simdjson::error_message(code);
            return JsonStatus::kBadJson;
        }
    }
    if (is_null_json(root)) return JsonStatus::kOk;
    if (simdjson::dom::object found; root.get(found) == simdjson::SUCCESS) {
        *object = found;
        return JsonStatus::kOk;
    }
    *error = fmt::format("json: cannot unmarshal {} into Go value of type server.{}", kind_of(root),
                         struct_name);
    return JsonStatus::kWrongType;
}

std::string_view JsonParser::State::kind_of(const simdjson::dom::element& value) {
    switch (value.type()) {
        case simdjson::dom::element_type::ARRAY:
            return "array";
        case simdjson::dom::element_type::OBJECT:
            return "object";
        case simdjson::dom::element_type::INT64:
        case simdjson::dom::element_type::UINT64:
        case simdjson::dom::element_type::DOUBLE:
            return "number";
        case simdjson::dom::element_type::STRING:
            return "string";
        case simdjson::dom::element_type::BOOL:
            return "bool";
        case simdjson::dom::element_type::NULL_VALUE:
            return "null";
    }
    return "";
}

bool take_json(const simdjson::dom::element& value, bool* field) {
    return is_null_json(value) || value.get(*field) == simdjson::SUCCESS;
}

bool take_json(const simdjson::dom::element& value, int64_t* field) {
    return is_null_json(value) || value.get(*field) == simdjson::SUCCESS;
}

bool take_json(const simdjson::dom::element& value, uint64_t* field) {
    return is_null_json(value) || value.get(*field) == simdjson::SUCCESS;
}

bool take_json(const simdjson::dom::element& value, std::string_view* field) {
    return is_null_json(value) || value.get(*field) == simdjson::SUCCESS;
}

bool take_json(const simdjson::dom::element& value, std::string* field) {
    if (is_null_json(value)) return true;
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) return false;
    field->assign(text);
    return true;
}

bool take_json(const simdjson::dom::element& value, std::vector<std::string>* field) {
    if (is_null_json(value)) {  // a slice becomes nil
        field->clear();
        return true;
    }
    simdjson::dom::array array;
    if (value.get(array) != simdjson::SUCCESS) return false;
    field->clear();
    for (const simdjson::dom::element& item : array) {
        if (!take_json(item, &field->emplace_back())) return false;
    }
    return true;
}

std::string json_type_error(const simdjson::dom::element& value, const JsonField& field) {
    return fmt::format("json: cannot unmarshal {} into Go struct field {}.{} of type {}",
                       JsonParser::State::kind_of(value), field.struct_name, field.key, field.type);
}

}  // namespace nuring::proto

// SPDX-License-Identifier: Apache-2.0
// A configuration text: parsing ends, every value has a place inside the text, JSON-like printing of
// the tree parses back to the same tree, and the readers take any tree. The text is also its own
// include file and environment, so that cycles of both are among the inputs.
#include "core/config/options.h"
#include "core/config/parser.h"
#include "core/config/read.h"
#include "core/config/validate.h"
#include "tests/fuzz/require.h"

namespace {

using namespace nuring::config;
using nuring::test::require;

constexpr size_t kTextMax = 16 * 1024;   // longer ones find nothing more
constexpr size_t kTreeMax = 256 * 1024;  // bytes of a tree worth printing again

std::string hex_text(const std::string& text) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string out = "\"";
    for (const unsigned char c : text) {
        out += "\\x";
        out += kDigits[c >> 4];
        out += kDigits[c & 15];
    }
    return out + "\"";
}

// Keys know no escapes: those with a double quote go between single ones; with both, not at all.
bool print(const Value& value, std::string* out) {
    switch (value.type) {
        case ValueType::kString:
            *out += hex_text(value.text);
            return true;
        case ValueType::kBool:
            *out += value.boolean ? "true" : "false";
            return true;
        case ValueType::kInteger:
            *out += std::to_string(value.integer);
            return true;
        case ValueType::kFloat:
        case ValueType::kDatetime:
            *out += value.text;
            return true;
        case ValueType::kArray:
            *out += "[";
            for (const Value& element : value.elements) {
                if (!print(element, out)) return false;
                *out += ",";
            }
            *out += "]";
            return true;
        case ValueType::kMap:
            *out += "{";
            for (const Member& member : value.members) {
                const bool doubled = member.key.find('"') != std::string::npos;
                if (doubled && member.key.find('\'') != std::string::npos) return false;
                const char quote = doubled ? '\'' : '"';
                *out += quote + member.key + quote + ":";
                if (!print(member.value, out)) return false;
                *out += ",";
            }
            *out += "}";
            return true;
    }
    return false;
}

bool same(const Value& a, const Value& b) {
    if (a.type != b.type || a.elements.size() != b.elements.size() ||
        a.members.size() != b.members.size() || a.boolean != b.boolean || a.integer != b.integer) {
        return false;
    }
    if ((a.type == ValueType::kString || a.type == ValueType::kFloat) && a.text != b.text) {
        return false;
    }
    for (size_t i = 0; i < a.elements.size(); ++i) {
        if (!same(a.elements[i], b.elements[i])) return false;
    }
    for (size_t i = 0; i < a.members.size(); ++i) {
        if (a.members[i].key != b.members[i].key) return false;
        if (!same(a.members[i].value, b.members[i].value)) return false;
    }
    return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    if (size > kTextMax) return 0;
    const std::string text(nuring::test::view_of(bytes, size));
    const Sources sources = {
        [&](const std::string& path) -> absl::StatusOr<std::string> {
            if (path.size() % 2 == 0) return text;
            return absl::NotFoundError("open " + path + ": no such file or directory");
        },
        [&](const std::string& name) -> std::optional<std::string> {
            if (name.size() % 2 == 0) return text.substr(0, 32);
            return std::nullopt;
        }};
    Diagnostics diagnostics;
    const std::optional<Value> root = parse_text(text, "fuzz.conf", sources, &diagnostics);
    require(root.has_value() != diagnostics.has_errors(), "a tree or an error");
    for (const Diagnostic& entry : diagnostics.entries()) {
        require(!entry.text.empty(), "errors have a text");
        require(entry.position.line >= 0 && entry.position.column >= 0, "places are not negative");
    }
    if (!root) return 0;

    Options options;
    read_options(*root, &options, &diagnostics);
    complete(&options);
    validate(options, &diagnostics);

    std::string printed;
    if (root->weight > kTreeMax || !print(*root, &printed)) return 0;
    Diagnostics again;
    // The outer braces stand for the whole file.
    const std::optional<Value> copy = parse_text(printed, "again.conf", Sources{}, &again);
    require(copy.has_value(), "what was printed parses");
    require(same(*root, *copy), "what was printed is the same tree");
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
#include "core/config/value.h"

#include <fmt/format.h>

namespace nuring::config {
namespace {

constexpr size_t kShownMax = 200;  // bytes of a value in a message

void append_go_text(const Value& value, std::string* out) {
    if (out->size() > kShownMax) return;
    switch (value.type) {
        case ValueType::kBool:
            *out += value.boolean ? "true" : "false";
            break;
        case ValueType::kInteger:
            *out += fmt::format("{}", value.integer);
            break;
        case ValueType::kFloat:
            *out += fmt::format("{}", value.number);
            break;
        case ValueType::kString:
        case ValueType::kDatetime:
            *out += value.text;
            break;
        case ValueType::kArray:
            *out += "[";
            for (const Value& element : value.elements) {
                if (&element != &value.elements.front()) *out += " ";
                append_go_text(element, out);
                if (out->size() > kShownMax) return;
            }
            *out += "]";
            break;
        case ValueType::kMap:
            *out += "map[";
            for (const Member& member : value.members) {
                if (&member != &value.members.front()) *out += " ";
                *out += member.key + ":";
                append_go_text(member.value, out);
                if (out->size() > kShownMax) return;
            }
            *out += "]";
            break;
    }
}

}  // namespace

std::string_view Value::go_type() const {
    switch (type) {
        case ValueType::kString:
            return "string";
        case ValueType::kInteger:
            return "int64";
        case ValueType::kFloat:
            return "float64";
        case ValueType::kBool:
            return "bool";
        case ValueType::kDatetime:
            return "time.Time";
        case ValueType::kArray:
            return "[]interface {}";
        case ValueType::kMap:
            return "map[string]interface {}";
    }
    return "";
}

std::string Value::go_text() const {
    std::string out;
    append_go_text(*this, &out);
    if (out.size() > kShownMax) out = out.substr(0, kShownMax) + "...";
    return out;
}

const Value* Value::find(std::string_view key) const {
    for (const Member& member : members) {
        if (member.key == key) return &member.value;
    }
    return nullptr;
}

}  // namespace nuring::config

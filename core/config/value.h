// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/diagnostics.h"

namespace nuring::config {

enum class ValueType : uint8_t { kString, kInteger, kFloat, kBool, kDatetime, kArray, kMap };

struct Member;

// Value is one value of a configuration with everything below it, and where it stands.
// A value behind a key carries the place of the key, because that is what messages point at.
// Maps keep their members in file order; a key given twice is there once, with the later value.
// Threads: one owner. Errors: none.
struct Value {
    ValueType type = ValueType::kMap;
    bool boolean = false;
    bool used_as_variable = false;  // some $name refers to it, so an unknown key is fine
    int line = 0;
    int column = 0;
    std::shared_ptr<const std::string> file;
    int64_t integer = 0;
    double number = 0;            // of kFloat
    std::string text;             // of kString: the contents; of other scalars: as written
    std::vector<Value> elements;  // of kArray
    std::vector<Member> members;  // of kMap
    size_t weight = 0;            // bytes that this value and all below it hold, about

    Position position() const { return {file ? *file : std::string(), line, column}; }

    // The reference's name of the type in its messages (Go's %T).
    std::string_view go_type() const;
    // The reference's text of the value (Go's %v), shortened when it is long.
    std::string go_text() const;
    // The member with exactly this key, or null.
    const Value* find(std::string_view key) const;
};

struct Member {
    std::string key;
    Value value;
};

}  // namespace nuring::config

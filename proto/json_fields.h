// SPDX-License-Identifier: Apache-2.0
// Structs as JSON objects, field by field, as Go's encoding/json does it; for the .cc files of this folder.
//
// A struct has one function that shows its fields in the order of the wire to a visitor:
//
//   template <typename Thing, typename Fields>
//   void visit_fields(Thing& thing, Fields& fields) {
//       fields.always("name", thing.name);   // written even if empty
//       fields.if_set("port", thing.port);   // `omitempty`
//   }
//
// JsonFieldWriter and JsonFieldReader are such visitors. A type of field that is not here has overloads of
// take_json(), write_json(), is_set_json() and json_type_name() beside its struct.
// Threads: any. Errors: the reader's text. These allocate.
#pragma once

#include <absl/strings/escaping.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proto/json_document.h"
#include "proto/json_text.h"
#include "proto/json_writer.h"

namespace nuring::proto {

inline bool is_set_json(const std::string& value) {
    return !value.empty();
}
inline bool is_set_json(const std::vector<std::string>& value) {
    return !value.empty();
}
inline bool is_set_json(bool value) {
    return value;
}
inline bool is_set_json(int64_t value) {
    return value != 0;
}
inline bool is_set_json(uint64_t value) {
    return value != 0;
}

inline void write_json(JsonWriter* json, const std::string& value) {
    json->value(value);
}
inline void write_json(JsonWriter* json, bool value) {
    json->value(value);
}
inline void write_json(JsonWriter* json, int64_t value) {
    json->value(value);
}
inline void write_json(JsonWriter* json, uint64_t value) {
    json->value(value);
}
inline void write_json(JsonWriter* json, const std::vector<std::string>& values) {
    json->begin_array();
    for (const std::string& value : values) json->value(value);
    json->end_array();
}

// Go's names for the types, as its errors have them.
constexpr std::string_view json_type_name(const bool*) {
    return "bool";
}
constexpr std::string_view json_type_name(const int64_t*) {
    return "int";
}
constexpr std::string_view json_type_name(const uint64_t*) {
    return "uint64";
}
constexpr std::string_view json_type_name(const std::string*) {
    return "string";
}
constexpr std::string_view json_type_name(const std::vector<std::string>*) {
    return "[]string";
}

// JsonFieldWriter writes the fields of one object.
class JsonFieldWriter {
  public:
    explicit JsonFieldWriter(JsonWriter* json) : json_(*json) { json_.begin_object(); }
    void finish() { json_.end_object(); }

    template <typename T>
    void always(std::string_view key, const T& value) {
        json_.key(key);
        write_json(&json_, value);
    }
    template <typename T>
    void if_set(std::string_view key, const T& value) {
        if (is_set_json(value)) always(key, value);
    }
    void base64_if_set(std::string_view key, const std::string& bytes) {
        if (!bytes.empty()) always(key, absl::Base64Escape(bytes));
    }

  private:
    JsonWriter& json_;
};

// JsonFieldReader puts the value of one key where it belongs; error() is set if it does not fit.
class JsonFieldReader {
  public:
    // `struct_name`: as Go's errors have it ("Info").
    JsonFieldReader(std::string_view struct_name, std::string_view key,
                    const simdjson::dom::element& value)
        : struct_name_(struct_name), key_(key), value_(value) {}
    const std::string& error() const { return error_; }

    template <typename T>
    void always(std::string_view key, T& field) {
        if (!equal_keys(key_, key)) return;
        if (!take_json(value_, &field)) {
            error_ = json_type_error(value_, {struct_name_, key, json_type_name(&field)});
        }
    }
    template <typename T>
    void if_set(std::string_view key, T& field) {
        always(key, field);
    }
    void base64_if_set(std::string_view key, std::string& bytes) {
        if (!equal_keys(key_, key)) return;
        std::string text;
        if (!take_json(value_, &text)) {
            error_ = json_type_error(value_, {struct_name_, key, "[]uint8"});
        } else if (!absl::Base64Unescape(text, &bytes)) {
            error_ = "illegal base64 data";
        }
    }

  private:
    std::string_view struct_name_;
    std::string_view key_;
    const simdjson::dom::element& value_;
    std::string error_;
};

}  // namespace nuring::proto

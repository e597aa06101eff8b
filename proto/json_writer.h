// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace nuring::proto {

// JsonWriter appends JSON as Go's encoding/json writes it: keys in the order given, two blanks per level,
// `<`, `>` and `&` escaped, numbers without needless digits. A general JSON library would build a tree of
// a page first (25,000 nodes for 1,024 connections), and could do neither the escapes nor the numbers.
// Threads: one. Errors: a key without a value is a bug of the caller.
// Source:  behaviour of json.MarshalIndent(v, "", "  ") and json.Marshal, Go 1.19.
class JsonWriter {
  public:
    // indent 0: all on one line.
    explicit JsonWriter(std::string* out, size_t indent = 2) : out_(*out), indent_(indent) {}

    void begin_object() { begin('{'); }
    void end_object() { end('}'); }
    void begin_array() { begin('['); }
    void end_array() { end(']'); }
    void begin_object(std::string_view key) { this->key(key).begin_object(); }
    void begin_array(std::string_view key) { this->key(key).begin_array(); }
    JsonWriter& key(std::string_view key);

    void value(std::string_view text);
    void value(const char* text) { value(std::string_view(text)); }
    void value(double number);
    void value(std::same_as<bool> auto flag) { raw(flag ? "true" : "false"); }
    void value(std::integral auto number)
        requires(!std::same_as<decltype(number), bool>)
    {
        if constexpr (std::is_signed_v<decltype(number)>) {
            signed_value(number);
        } else {
            unsigned_value(number);
        }
    }
    void null() { raw("null"); }

    template <class Value>
    void field(std::string_view name, const Value& given) {
        key(name).value(given);
    }
    // A value that is JSON already.
    void raw_field(std::string_view name, std::string_view json) { key(name).raw(json); }
    // Left out when zero, false or empty.
    template <class Value>
    void optional_field(std::string_view name, const Value& given) {
        if (given != Value{}) field(name, given);
    }

  private:
    void begin(char bracket);
    void end(char bracket);
    void before_value();
    void new_line();
    void raw(std::string_view text);
    void signed_value(int64_t number);
    void unsigned_value(uint64_t number);

    std::string& out_;
    const size_t indent_;
    size_t depth_ = 0;
    bool first_ = true;       // nothing yet in the current object or array
    bool after_key_ = false;
};

}  // namespace nuring::proto

// SPDX-License-Identifier: Apache-2.0
// A JSON object whose fields are asked for by their keys: claims, whose keys signers write all alike. What
// fills a struct as Go's encoding/json does is in json_fields.h.
// Threads: one. Lifetime: shorter than the parser's next document.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fmt/format.h"
#include "proto/json_document.h"

namespace nuring::proto {

class JsonObject;

// One value of an array or an object.
class JsonValue {
  public:
    JsonValue(simdjson::dom::element element, std::string* error) : element_(element), error_(error) {}

    // False, or nothing: it is of another type, which is no error.
    bool take(std::string* out) const { return !is_null_json(element_) && take_json(element_, out); }
    std::optional<JsonObject> object() const;
    // Calls function(JsonValue) with each element of an array. False: it is none.
    template <class Function>
    bool each(Function function) const {
        simdjson::dom::array elements;
        if (element_.get(elements) != simdjson::SUCCESS) return false;
        for (const simdjson::dom::element element : elements) function(JsonValue(element, error_));
        return true;
    }

  private:
    simdjson::dom::element element_;
    std::string* error_;
};

// JsonObject gives the fields of one object: one that is missing or null leaves its target, one of another
// type is an error, of which the first is kept. Keys are compared by their case, unlike Go's.
class JsonObject {
  public:
    JsonObject(simdjson::dom::object object, std::string* error) : object_(object), error_(error) {}

    template <class Field>
    void take(std::string_view key, Field* out) const {
        if (const auto value = find(key)) expect(take_json(*value, out), key);
    }
    void take(std::string_view key, std::map<std::string, int64_t>* out) const {
        each_member(key, [&](std::string_view name, JsonValue /*value*/, simdjson::dom::element element) {
            int64_t number = 0;
            if (expect(element.get(number) == simdjson::SUCCESS, key)) (*out)[std::string(name)] = number;
        });
    }
    // Calls function(JsonValue) with each element of an array.
    template <class Function>
    void each(std::string_view key, Function function) const {
        if (const auto value = find(key)) expect(JsonValue(*value, error_).each(function), key);
    }
    // Calls function(key, JsonValue) with each member of the object below that key.
    template <class Function>
    void each_below(std::string_view key, Function function) const {
        each_member(key, [&](std::string_view name, JsonValue value, simdjson::dom::element) {
            function(name, value);
        });
    }

    bool has(std::string_view key) const { return find(key).has_value(); }
    // The object below that key; an empty one if there is none.
    JsonObject below(std::string_view key) const {
        simdjson::dom::object object;
        return take_object(key, &object) ? JsonObject(object, error_) : JsonObject(error_);
    }
    // The same fields, whose errors go elsewhere.
    JsonObject with_error(std::string* error) const {
        JsonObject copy = *this;
        copy.error_ = error;
        return copy;
    }
    void refuse(std::string_view what) const {
        if (error_->empty()) error_->assign(what);
    }

  private:
    explicit JsonObject(std::string* error) : exists_(false), error_(error) {}

    std::optional<simdjson::dom::element> find(std::string_view key) const {
        simdjson::dom::element element;
        if (!exists_ || object_.at_key(key).get(element) != simdjson::SUCCESS) return std::nullopt;
        if (is_null_json(element)) return std::nullopt;
        return element;
    }
    bool expect(bool is_good, std::string_view key) const {
        if (!is_good) refuse(fmt::format("json: wrong type of value in \"{}\"", key));
        return is_good;
    }
    bool take_object(std::string_view key, simdjson::dom::object* out) const {
        const auto value = find(key);
        return value.has_value() && expect(value->get(*out) == simdjson::SUCCESS, key);
    }
    template <class Function>
    void each_member(std::string_view key, Function function) const {
        simdjson::dom::object members;
        if (!take_object(key, &members)) return;
        for (const auto& [name, element] : members) function(name, JsonValue(element, error_), element);
    }

    simdjson::dom::object object_;
    bool exists_ = true;
    std::string* error_;
};

inline std::optional<JsonObject> JsonValue::object() const {
    simdjson::dom::object object;
    if (element_.get(object) != simdjson::SUCCESS) return std::nullopt;
    return JsonObject(object, error_);
}

// Parses a text. Nothing: *error says why. Errors of the fields go to *error, too.
inline std::optional<JsonObject> parse_json_object(std::string_view text, JsonParser* parser,
                                                   std::string* error) {
    std::optional<simdjson::dom::object> object;
    const JsonStatus status = parser->state().parse(text, "", &object, error);
    if (status == JsonStatus::kOk && object.has_value()) return JsonObject(*object, error);
    if (status != JsonStatus::kBadJson) *error = "json: not an object";
    return std::nullopt;
}

}  // namespace nuring::proto

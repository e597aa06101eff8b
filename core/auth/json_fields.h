// SPDX-License-Identifier: Apache-2.0
// The inner side of claims: a JSON object and its fields.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "fmt/format.h"

namespace nuring::auth {

// JsonFields takes fields out of one object: one that is missing or null leaves its target, one of
// another type is an error, of which the first is kept.
// Unlike Go's, keys are compared by their case: signers write them all alike.
// Threads: one. Lifetime: shorter than the document's parser.
class JsonFields {
  public:
    JsonFields(simdjson::dom::object object, std::string* error) : object_(object), error_(error) {}

    void take(std::string_view key, std::string* out) const {
        std::string_view text;
        if (const auto value = find(key); value.found && expect(value.element.get(text), key)) {
            out->assign(text);
        }
    }
    void take(std::string_view key, int64_t* out) const {
        if (const auto value = find(key); value.found) expect(value.element.get(*out), key);
    }
    void take(std::string_view key, bool* out) const {
        if (const auto value = find(key); value.found) expect(value.element.get(*out), key);
    }
    void take(std::string_view key, std::vector<std::string>* out) const {
        each(key, [&](simdjson::dom::element element) {
            std::string_view text;
            if (expect(element.get(text), key)) out->emplace_back(text);
        });
    }
    void take(std::string_view key, std::map<std::string, int64_t>* out) const {
        simdjson::dom::object entries;
        if (!take(key, &entries)) return;
        for (const auto& [name, value] : entries) {
            int64_t number = 0;
            if (expect(value.get(number), key)) (*out)[std::string(name)] = number;
        }
    }
    // False: there is none.
    bool take(std::string_view key, simdjson::dom::object* out) const {
        const auto value = find(key);
        return value.found && expect(value.element.get(*out), key);
    }
    // Calls the function with each element of an array.
    template <class Function>
    void each(std::string_view key, Function function) const {
        simdjson::dom::array elements;
        const auto value = find(key);
        if (!value.found || !expect(value.element.get(elements), key)) return;
        for (const simdjson::dom::element element : elements) function(element);
    }

    bool has(std::string_view key) const { return find(key).found; }
    // The fields of the object below that key; empty if there is none.
    JsonFields below(std::string_view key) const {
        simdjson::dom::object object;
        return take(key, &object) ? JsonFields(object, error_) : JsonFields(error_);
    }
    // The same fields, whose errors go elsewhere.
    JsonFields with_error(std::string* error) const {
        JsonFields copy = *this;
        copy.error_ = error;
        return copy;
    }
    std::string* error() const { return error_; }
    void refuse(std::string_view what) const {
        if (error_->empty()) error_->assign(what);
    }

  private:
    struct Found {
        bool found = false;
        simdjson::dom::element element;
    };

    explicit JsonFields(std::string* error) : exists_(false), error_(error) {}

    Found find(std::string_view key) const {
        Found result;
        if (!exists_) return result;
        result.found = object_.at_key(key).get(result.element) == simdjson::SUCCESS &&
                       !result.element.is_null();
        return result;
    }
    bool expect(simdjson::error_code code, std::string_view key) const {
        if (code == simdjson::SUCCESS) return true;
        refuse(fmt::format("json: wrong type of value in \"{}\"", key));
        return false;
    }

    simdjson::dom::object object_;
    bool exists_ = true;
    std::string* error_;
};

}  // namespace nuring::auth

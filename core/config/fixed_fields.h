// SPDX-License-Identifier: Apache-2.0
// The part of diff() that refuses changes inside a block. Private to core/config.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/diff.h"
#include "core/config/show_value.h"

namespace nuring::config {

// The fields of one block that no reload can change. Each that differs is a change of its own, so that the
// refusal names it with its old and its new value; a secret is named without values.
// Threads: one owner. Errors: none. Lifetime: the list outlives it.
class FixedFields {
  public:
    // How the reference words a refusal: since 2.14 it names the field of a LeafNode, and shows other blocks
    // as a whole, of which we show what differs.
    enum class Form : uint8_t { kField, kBraces };

    // `block` is the block as the reference names it ("LeafNode").
    FixedFields(std::string_view block, Form form, std::vector<Change>* changes)
        : block_(block), form_(form), changes_(changes) {}

    // `key` is the field as the file names it ("leafnodes.port"), a literal. `where` is empty, or names
    // the part of the block: "remote ...: ".
    template <typename Value>
    void compare(std::string_view key, std::string_view where, std::string_view field,
                 const Value& old, const Value& now) {
        if (old != now) refuse(key, where, field, show(old), show(now));
    }

    void compare_secret(std::string_view key, std::string_view where, std::string_view field,
                        const std::string& old, const std::string& now) {
        if (old != now) refuse(key, where, field, "[REDACTED]", "[REDACTED]");
    }

    // The time to log in. Where none is given it depends on the tls block, which is named then.
    void compare_login_timeout(std::string_view key, std::string_view tls_key, bool had_tls,
                               bool has_tls, std::chrono::nanoseconds old,
                               std::chrono::nanoseconds now) {
        if (had_tls == has_tls) return compare(key, "", "AuthTimeout", old, now);
        if (old != now) compare_presence(tls_key, "TLS", had_tls, has_tls);
    }

    // A block inside the block.
    void compare_presence(std::string_view key, std::string_view field, bool old, bool now) {
        if (old != now) refuse(key, "", field, old ? "given" : "none", now ? "given" : "none");
    }

    void refuse(std::string_view key, std::string_view where, std::string_view field,
                std::string_view old, std::string_view now) {
        if (form_ == Form::kField) {
            return refuse(key, fmt::format("{}field \"{}\": old={}, new={}", where, field, old, now));
        }
        refuse_part(key, fmt::format("{}{}:{}", where, field, old), fmt::format("{}{}:{}", where, field, now));
    }

    void refuse_part(std::string_view key, std::string_view old, std::string_view now) {
        refuse(key, fmt::format("old={{{}}}, new={{{}}}", old, now));
    }

    void refuse(std::string_view key, std::string_view why) {
        changes_->push_back({OptionId::kFixed, false, false,
                             fmt::format("config reload not supported for {}: {}", block_, why),
                             key});
    }

  private:
    const std::string_view block_;
    const Form form_;
    std::vector<Change>* const changes_;
};

}  // namespace nuring::config

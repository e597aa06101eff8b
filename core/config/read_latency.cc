// SPDX-License-Identifier: Apache-2.0
// `latency` of a service export: whose requests are measured, and where the samples go.
#include <fmt/format.h>

#include "core/config/reader.h"
#include "core/config/text.h"

namespace nuring::config {
namespace {

struct Entry {
    LatencyOptions out;
    bool has_subject = false;
};

// 50, "50", "50%", or "headers": what the request's own trace headers say.
void read_sampling(Reader& reader, const Member& member, Entry* entry) {
    const Value& value = member.value;
    std::optional<int64_t> percent;
    if (value.type == ValueType::kInteger) {
        percent = value.integer;
    } else if (value.type != ValueType::kString) {
        return reader.error(
            value, fmt::format("Expected latency sample to be a string or map/struct, got {}",
                               value.go_type()));
    } else if (to_lower(strip(value.text)) == "headers") {
        entry->out.sampling = 0;
        return;
    } else {
        std::string_view digits = value.text;
        if (digits.ends_with('%')) digits.remove_suffix(1);
        percent = to_integer(digits);
        if (!percent) {
            return reader.error(value, fmt::format("Failed to parse latency sample: strconv.Atoi: "
                                                   "parsing \"{}\": invalid syntax",
                                                   digits));
        }
    }
    if (*percent < 1 || *percent > 100) {
        return reader.error(value, "bad sampling percentage, should be 1-100");
    }
    entry->out.sampling = static_cast<int>(*percent);
}

void read_subject(Reader& reader, const Member& member, Entry* entry) {
    entry->has_subject = true;
    if (member.value.type == ValueType::kString) {
        entry->out.subject = member.value.text;
        return;
    }
    // The type of what was expected, as the reference prints it.
    reader.error(member.value, "Expected latency subject to be a string, got string");
}

constexpr Row<Entry> kLatencyRows[] = {{"sampling", read_sampling}, {"subject", read_subject}};

}  // namespace

// Source: parseServiceLatency in server/opts.go 2.9.10.
void read_latency(Reader& reader, const Value& value, std::optional<LatencyOptions>* out) {
    Entry entry;
    if (value.type == ValueType::kString) {
        entry.out.subject = value.text;
    } else if (value.type == ValueType::kMap) {
        const size_t errors_before = reader.error_count();
        read_block(reader, value, kLatencyRows, &entry);
        if (reader.error_count() != errors_before) return;
        if (!entry.has_subject) return reader.error(value, "Latency subject required, but missing");
    } else {
        return reader.error(
            value, fmt::format("Expected latency entry to be a map/struct or string, got {}",
                               value.go_type()));
    }
    *out = entry.out;
}

}  // namespace nuring::config

// SPDX-License-Identifier: Apache-2.0
// The common options of the blocks about other servers: compression, and times of their connections.
#include <fmt/format.h>

#include "core/config/duration.h"
#include "core/config/reader.h"
#include "core/config/text.h"

namespace nuring::config {
namespace {

struct CompressionBlock {
    std::string mode;
    bool has_mode = false;
    std::vector<nanoseconds> rtt_thresholds;
};

void read_thresholds(Reader& reader, const Member& member, CompressionBlock* block) {
    if (!reader.array(member.value)) return;
    for (const Value& element : member.value.elements) {
        std::string text;
        if (!reader.text(element, &text)) return;
        const auto parsed = parse_duration(text);
        if (!parsed.ok()) return reader.error(member.value, std::string(parsed.status().message()));
        block->rtt_thresholds.push_back(*parsed);
    }
}

constexpr Row<CompressionBlock> kCompressionRows[] = {
    {"mode",
     [](Reader& r, const Member& m, CompressionBlock* b) {
         b->has_mode = r.text(m.value, &b->mode);
     }},
    {"rtt_thresholds thresholds rtts rtt", read_thresholds},
};

// Source: validateAndNormalizeCompressionOption in server/server.go 2.15.3.
CompressionMode mode_of(std::string_view text, CompressionMode mode_for_on) {
    const std::string word = to_lower(text);
    const auto is_one_of = [&word](std::initializer_list<std::string_view> names) {
        for (const std::string_view name : names) {
            if (word == name) return true;
        }
        return false;
    };
    if (word.empty()) return CompressionMode::kUnset;
    if (is_one_of({"on", "enabled", "true"})) return mode_for_on;
    if (is_one_of({"not supported", "not_supported"})) return CompressionMode::kNotSupported;
    if (is_one_of({"off", "disabled", "false"})) return CompressionMode::kOff;
    if (is_one_of({"accept"})) return CompressionMode::kAccept;
    if (is_one_of({"s2_auto", "auto"})) return CompressionMode::kAuto;
    if (is_one_of({"s2_fast", "fast"})) return CompressionMode::kFast;
    if (is_one_of({"s2_better", "better"})) return CompressionMode::kBetter;
    if (is_one_of({"s2_best", "best"})) return CompressionMode::kBest;
    return CompressionMode::kUnknown;  // validate() says so, as in the reference
}

}  // namespace

void read_compression(Reader& reader, const Member& member, CompressionMode mode_for_on,
                      CompressionOptions* out) {
    const Value& value = member.value;
    CompressionBlock block;
    const size_t errors_before = reader.error_count();
    switch (value.type) {
        case ValueType::kString:
            block.mode = value.text;
            break;
        case ValueType::kBool:
            block.mode = value.boolean ? "on" : "off";
            break;
        case ValueType::kMap:
            read_block(reader, value, kCompressionRows, &block);
            break;
        default:
            return reader.error(
                value, fmt::format("field \"{}\" should be a boolean or a structure, got {}",
                                   member.key, value.go_type()));
    }
    if (reader.error_count() != errors_before) return;
    out->text = block.mode;
    out->mode = mode_of(block.mode, mode_for_on);
    out->rtt_thresholds = std::move(block.rtt_thresholds);
}

void read_write_timeout(Reader& reader, const Member& member, WriteTimeout* out) {
    std::string word;
    if (!reader.text(member.value, &word)) return;
    if (word == "default") {
        *out = WriteTimeout::kDefault;
    } else if (word == "close") {
        *out = WriteTimeout::kClose;
    } else if (word == "retry") {
        *out = WriteTimeout::kRetry;
    } else {
        reader.error(member.value, "write_timeout must be 'default', 'close' or 'retry'");
    }
}

void read_ping_interval(Reader& reader, const Member& member, LinkTimes* out) {
    reader.seconds_or_duration(member.value, "ping_interval", true, &out->ping_interval);
}

void read_link_deadline(Reader& reader, const Member& member, LinkTimes* out) {
    reader.seconds_or_duration(member.value, "write_deadline", true, &out->write_deadline);
}

}  // namespace nuring::config

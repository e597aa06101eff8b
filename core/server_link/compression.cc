// SPDX-License-Identifier: Apache-2.0
#include "core/server_link/compression.h"

#include <algorithm>
#include <cassert>
#include <vector>

namespace nuring::server_link {

using config::CompressionMode;

std::string_view to_text(Compression compression) {
    switch (compression) {
        case Compression::kNotNegotiated: return {};
        case Compression::kNotSupported: return "not supported";
        case Compression::kOff: return "off";
        case Compression::kUncompressed: return "s2_uncompressed";
        case Compression::kFast: return "s2_fast";
        case Compression::kBetter: return "s2_better";
        case Compression::kBest: return "s2_best";
    }
    return {};
}

std::string_view mode_text(CompressionMode mode) {
    return mode == CompressionMode::kNotSupported ? std::string_view() : config::compression_name(mode);
}

Compression level_for(const config::CompressionOptions& own, uint64_t rtt_ns) {
    constexpr Compression kLevels[] = {Compression::kUncompressed, Compression::kFast, Compression::kBetter,
                                       Compression::kBest};
    constexpr size_t kAllLevels = 3;  // thresholds; what is above the last is compressed best
    const std::vector<config::nanoseconds>& limits = own.rtt_thresholds;
    size_t index = 0;
    while (index < limits.size() && rtt_ns > static_cast<uint64_t>(limits[index].count())) ++index;
    if (index == limits.size() && index > 0) index = index >= kAllLevels ? kAllLevels : index - 1;
    return kLevels[std::min(index, kAllLevels)];
}

Compression level_of(const config::CompressionOptions& own, uint64_t rtt_ns) {
    switch (own.mode) {
        case CompressionMode::kFast: return Compression::kFast;
        case CompressionMode::kBetter: return Compression::kBetter;
        case CompressionMode::kBest: return Compression::kBest;
        case CompressionMode::kAuto: return level_for(own, rtt_ns);
        case CompressionMode::kUnset:
        case CompressionMode::kUnknown:
        case CompressionMode::kNotSupported:
        case CompressionMode::kOff:
        case CompressionMode::kAccept: break;
    }
    return Compression::kOff;
}

std::optional<Compression> select_compression(const config::CompressionOptions& own, std::string_view other,
                                              uint64_t rtt_ns) {
    if (other.empty() || other == to_text(Compression::kNotSupported)) return Compression::kNotSupported;
    if (own.mode == CompressionMode::kNotSupported) return Compression::kNotSupported;
    if (!may_compress(own.mode) || other == to_text(Compression::kOff)) return Compression::kOff;
    const bool accepts = own.mode == CompressionMode::kAccept;
    if (other == config::compression_name(CompressionMode::kAccept)) {
        return accepts ? Compression::kOff : level_of(own, rtt_ns);
    }
    if (other == config::compression_name(CompressionMode::kAuto)) {
        return accepts ? Compression::kFast : level_of(own, rtt_ns);
    }
    for (const Compression each : {Compression::kUncompressed, Compression::kFast, Compression::kBetter,
                                   Compression::kBest}) {
        if (other == to_text(each)) return accepts ? each : level_of(own, rtt_ns);
    }
    return std::nullopt;
}

}  // namespace nuring::server_link

// SPDX-License-Identifier: Apache-2.0
// The compression on which two servers agree.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/config/options.h"
#include "proto/s2.h"

namespace nuring::server_link {

// The compression of one end, as monitoring shows it. kBetter and kBest differ in name only: one encoder
// writes both (proto/s2_encoder.h). kUncompressed: framing and sums alone.
enum class Compression : uint8_t {
    kNotNegotiated,
    kNotSupported,
    kOff,
    kUncompressed,
    kFast,
    kBetter,
    kBest,
};

// As INFO and monitoring name it; empty: not negotiated.
std::string_view to_text(Compression compression);

constexpr bool compresses(Compression compression) { return compression >= Compression::kUncompressed; }

// May this end compress, so that the two have to negotiate? Also with `accept`.
constexpr bool may_compress(config::CompressionMode mode) {
    return mode >= config::CompressionMode::kAccept;
}

// The mode as this end's INFO has it; empty: the key is left out.
std::string_view mode_text(config::CompressionMode mode);

// The compression of this end for the mode of the other (the text of its INFO). Nothing: a mode that does
// not exist. `rtt_ns`: for s2_auto.
// Source: server/server.go, selectCompressionMode 2.15.
std::optional<Compression> select_compression(const config::CompressionOptions& own, std::string_view other,
                                              uint64_t rtt_ns);

// The level of s2_auto for a round trip time. Source: selectS2AutoModeBasedOnRTT 2.15.
Compression level_for(const config::CompressionOptions& own, uint64_t rtt_ns);

// The level of this end's own mode: the one that it names, level_for() with s2_auto, else kOff.
Compression level_of(const config::CompressionOptions& own, uint64_t rtt_ns);

constexpr proto::S2Mode s2_mode_of(Compression compression) {
    if (compression >= Compression::kBetter) return proto::S2Mode::kBetter;
    return compression == Compression::kFast ? proto::S2Mode::kFast : proto::S2Mode::kStored;
}

}  // namespace nuring::server_link

// SPDX-License-Identifier: Apache-2.0
// Checks of the keys and versions that a configuration names, and of a reserved name. core/auth has the rest
// of nkeys, which this layer must not include.
// Threads: any; no state. Errors: false, or nothing, for text that is not valid.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

namespace nuring::config {

// First letter of the text form of a public key.
enum class KeyKind : uint8_t { kAccount = 0x00, kOperator = 0x70, kUser = 0xA0 };

// True for 56 base32 characters that hold the kind's prefix, 32 key bytes and their checksum.
// Source: nkeys 0.0.2, strkey.go.
bool is_public_key(std::string_view text, KeyKind kind);

// True for the 58 characters of a seed of the kind: "SU..." of a user.
bool is_seed(std::string_view text, KeyKind kind);

// Semantic version: "2.8.0", with or without "-rc.1" and "+build" behind it, which are checked and not kept.
struct Version {
    int64_t major = 0;
    int64_t minor = 0;
    int64_t patch = 0;

    friend auto operator<=>(const Version&, const Version&) = default;
};
std::optional<Version> parse_version(std::string_view text);

// On routes this name stands for the cluster of leafnodes that have none; so no cluster may have it.
// Source: server/leafnode.go 2.15.3.
inline constexpr std::string_view kReservedClusterName = "_";

// Names of clusters stand between blanks in lines of the protocol: with a line end in it, a name would bring
// lines of its own.
constexpr bool has_blanks(std::string_view name) { return name.find_first_of(" \t\r\n") != std::string_view::npos; }

}  // namespace nuring::config

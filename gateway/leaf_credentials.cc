// SPDX-License-Identifier: Apache-2.0
#include "gateway/leaf_credentials.h"

#include <optional>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"

namespace nuring::gateway {
namespace {

constexpr std::string_view kDashes = "---";

bool is_dashed(std::string_view line) {
    return line.size() > 2 * kDashes.size() && line.starts_with(kDashes) && line.ends_with(kDashes);
}

}  // namespace

absl::StatusOr<LeafCredentials> parse_leaf_credentials(std::string_view text) {
    std::vector<std::string> bodies;
    bool is_inside = false;
    for (const absl::string_view raw : absl::StrSplit(absl::string_view(text.data(), text.size()), '\n')) {
        const absl::string_view stripped = absl::StripAsciiWhitespace(raw);
        const std::string_view line(stripped.data(), stripped.size());
        if (is_dashed(line)) {
            is_inside = !is_inside;
        } else if (is_inside && !line.empty()) {
            bodies.emplace_back(line);
        }
    }
    if (bodies.size() < 2 || is_inside) return absl::InvalidArgumentError("Credentials file malformed");
    const std::optional<auth::NkeySeed> seed = auth::decode_seed(bodies[1]);
    if (!seed.has_value() || seed->kind != auth::NkeyKind::kUser) {
        return absl::InvalidArgumentError("Credentials file has malformed seed");
    }
    return LeafCredentials{.jwt = bodies[0], .seed = *seed};
}

std::string sign_nonce(const auth::NkeySeed& seed, std::string_view nonce) {
    const std::string signature = auth::sign(seed, nonce);
    std::string text;
    absl::WebSafeBase64Escape(signature, &text);
    return text;
}

}  // namespace nuring::gateway

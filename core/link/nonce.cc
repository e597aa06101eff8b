// SPDX-License-Identifier: Apache-2.0
#include "core/link/nonce.h"

#include <array>

#include "absl/strings/escaping.h"

namespace nuring::link {
namespace {

constexpr size_t kNonceBytes = 11;

}  // namespace

std::string make_nonce(ring::Ring& ring) {
    std::array<unsigned char, kNonceBytes> random;
    ring.fill_random(random);
    std::string nonce;
    absl::WebSafeBase64Escape(
        absl::string_view(reinterpret_cast<const char*>(random.data()), random.size()), &nonce);
    return nonce;
}

}  // namespace nuring::link

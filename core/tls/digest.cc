// SPDX-License-Identifier: Apache-2.0
#include "core/tls/digest.h"

#include <openssl/sha.h>

namespace nuring::tls {

std::array<uint8_t, 32> sha256(std::string_view text) {
    static_assert(SHA256_DIGEST_LENGTH == 32);
    std::array<uint8_t, 32> digest;
    SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
    return digest;
}

}  // namespace nuring::tls

// SPDX-License-Identifier: Apache-2.0
#include "core/auth/password.h"

#include <crypt.h>
#include <openssl/crypto.h>

#include <memory>

namespace nuring::auth {

bool is_bcrypt(std::string_view stored) {
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    return stored.size() > 7 && stored.starts_with("$2") &&
           std::string_view("abxy").find(stored[2]) != std::string_view::npos && stored[3] == '$' &&
           digit(stored[4]) && digit(stored[5]) && stored[6] == '$';
}

bool equal_plain(std::string_view stored, std::string_view given) {
    return stored.size() == given.size() &&
           CRYPTO_memcmp(stored.data(), given.data(), stored.size()) == 0;
}

bool matches_bcrypt(const std::string& stored, const std::string& given) {
    if (given.find('\0') != std::string::npos) return false;
    const auto state = std::make_unique<crypt_data>();
    // Not crypt_r: AddressSanitizer intercepts it, so that the linker would leave libcrypt out.
    const char* hash = ::crypt_rn(given.c_str(), stored.c_str(), state.get(), sizeof(crypt_data));
    return hash != nullptr && equal_plain(stored, hash);
}

}  // namespace nuring::auth

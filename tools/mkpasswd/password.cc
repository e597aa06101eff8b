// SPDX-License-Identifier: Apache-2.0
#include "tools/mkpasswd/password.h"

#include <crypt.h>
#include <fmt/format.h>
#include <sys/random.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

namespace nuring::tools {
namespace {

constexpr std::string_view kAlphabet =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!@$#%^&*()";
constexpr size_t kSaltSize = 16;

absl::Status fill_random(void* bytes, size_t size) {
    auto* at = static_cast<char*>(bytes);
    while (size > 0) {
        const ssize_t count = getrandom(at, size, 0);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return absl::InternalError(std::strerror(errno));
        at += count;
        size -= static_cast<size_t>(count);
    }
    return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> generate_password() {
    // The largest multiple of the alphabet's size in a byte: above it, low letters would come up more.
    constexpr uint8_t kFairMax = 255 / kAlphabet.size() * kAlphabet.size();
    std::string password;
    while (password.size() < kGeneratedSize) {
        uint8_t byte = 0;
        if (absl::Status status = fill_random(&byte, 1); !status.ok()) return status;
        if (byte < kFairMax) password += kAlphabet[byte % kAlphabet.size()];
    }
    return password;
}

absl::StatusOr<std::string> bcrypt_hash(const std::string& password, int cost) {
    if (cost < kCostMin) cost = kCostTooLow;
    if (cost > kCostMax) {
        return absl::InvalidArgumentError(fmt::format(
            "crypto/bcrypt: cost {} is outside allowed range ({},{})", cost, kCostMin, kCostMax));
    }
    if (password.size() > kPasswordMax) {
        return absl::InvalidArgumentError("bcrypt: password length exceeds 72 bytes");
    }
    char random[kSaltSize];
    if (absl::Status status = fill_random(random, sizeof random); !status.ok()) return status;
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    if (crypt_gensalt_rn("$2a$", static_cast<unsigned long>(cost), random, sizeof random, setting,
                         sizeof setting) == nullptr) {
        return absl::InternalError(std::strerror(errno));
    }
    const auto state = std::make_unique<crypt_data>();  // 32 KiB
    const char* hash = crypt_r(password.c_str(), setting, state.get());
    if (hash == nullptr || hash[0] == '*') return absl::InternalError(std::strerror(errno));
    std::string out = hash;
    explicit_bzero(state.get(), sizeof *state);
    return out;
}

}  // namespace nuring::tools

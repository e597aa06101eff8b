// SPDX-License-Identifier: Apache-2.0
#include "core/base/server_id.h"

#include <algorithm>
#include <array>

#include "core/base/base32.h"

namespace nuring::base {
namespace {

constexpr unsigned char kServerPrefix = 13 << 3;  // 'N'

}  // namespace

std::string make_server_id(std::span<const unsigned char, kServerIdRandomBytes> random) {
    std::array<unsigned char, 1 + kServerIdRandomBytes> raw{kServerPrefix};
    std::copy(random.begin(), random.end(), raw.begin() + 1);
    return encode_checked_base32(raw);
}

}  // namespace nuring::base

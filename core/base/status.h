// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace nuring::base {

// The message of a status as the string_view that fmt knows (abseil's may be a type of its own).
inline std::string_view message_of(const absl::Status& status) {
    return {status.message().data(), status.message().size()};
}

}  // namespace nuring::base

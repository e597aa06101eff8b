// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace nuring::base {

// The message of a status as the string_view that fmt knows (abseil's may be a type of its own).
inline std::string_view message_of(const absl::Status& status) {
    return {status.message().data(), status.message().size()};
}

// For abseil's string-keyed containers.
inline absl::string_view absl_view(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace nuring::base

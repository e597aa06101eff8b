// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "core/account/imports.h"
#include "core/account/subject_map.h"
#include "core/config/options.h"

namespace nuring::account {

// Exchange is what one account takes from others, how it names subjects, and its limits: all that a
// configuration or claims say of it besides its users. A change makes another one (AccountRegistry),
// which takes over the imports that stay the same.
// Threads: immutable. Errors: none.
struct Exchange {
    std::vector<std::shared_ptr<const StreamImport>> streams;
    std::vector<std::shared_ptr<const ServiceImport>> services;
    SubjectMap mappings;
    config::AccountLimits limits;
};

}  // namespace nuring::account

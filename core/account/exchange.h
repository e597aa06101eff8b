// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/account/imports.h"
#include "core/account/subject_map.h"
#include "core/config/options.h"

namespace nuring::account {

// A service that an account exports.
struct ServiceExport {
    std::string pattern;
    uint64_t response_threshold_ns;
};

// Exchange is what one account takes from others and gives to them, how it names subjects, and its limits:
// all that a configuration or claims say of it besides its users. A change makes another one
// (AccountRegistry), which takes over the imports that stay the same.
// Threads: immutable. Errors: none.
struct Exchange {
    std::vector<std::shared_ptr<const StreamImport>> streams;
    std::vector<std::shared_ptr<const ServiceImport>> services;
    std::vector<ServiceExport> exports;
    SubjectMap mappings;
    config::AccountLimits limits;

    // The exported service that the subject is of; null: none.
    const ServiceExport* find_export(std::string_view subject) const;
};

}  // namespace nuring::account

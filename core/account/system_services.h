// SPDX-License-Identifier: Apache-2.0
// The services of the system account that every other account imports without a word in any configuration:
// the users of an account may ask all servers about the account, under names that say no account, and see
// their own, whatever they send.
// Threads: any. Errors: an account whose name cannot be part of a subject has none.
// Source:  server/events.go, registerSystemImports 2.9.10.
#pragma once

#include <string_view>
#include <vector>

#include "core/config/options.h"

namespace nuring::account {

struct SystemService {
    config::AccountImport import;
    config::AccountExport exported;
};

// `jetstream`: the account may ask the JetStream of other servers, as a whole (`$JS.API.>`).
std::vector<SystemService> system_services(std::string_view account, std::string_view system_account,
                                           bool jetstream);

}  // namespace nuring::account

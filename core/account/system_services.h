// SPDX-License-Identifier: Apache-2.0
// The services of the system account that every other account imports without any configuration. Users ask
// all servers about their account under subjects that name no account;
// the import adds it, so that they can ask about no other one.
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

// `jetstream`: the account may also use the whole JetStream API of other servers (`$JS.API.>`).
std::vector<SystemService> system_services(std::string_view account, std::string_view system_account,
                                           bool jetstream);

}  // namespace nuring::account

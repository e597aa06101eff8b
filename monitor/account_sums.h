// SPDX-License-Identifier: Apache-2.0
// The sums of accounts over all workers.
#pragma once

#include "absl/container/flat_hash_map.h"
#include "core/account/account.h"
#include "core/observe/worker_snapshot.h"
#include "monitor/pages.h"

namespace nuring::monitor {

using AccountSums = absl::flat_hash_map<const account::Account*, observe::AccountSnapshot>;

// Clients, leafnodes and traffic by account; accounts without any are missing.
// Threads: as pages.
AccountSums ask_accounts(server::Server& server, server::SurveyRunner& runner);

}  // namespace nuring::monitor

// SPDX-License-Identifier: Apache-2.0
#include "monitor/account_sums.h"

#include <memory>

#include "gateway/leaf_snapshot.h"

namespace nuring::monitor {

AccountSums ask_accounts(server::Server& server, server::SurveyRunner& runner) {
    AccountSums sums;
    for (const auto& survey : runner.run<observe::AccountSurvey>(
             [] { return std::make_shared<observe::AccountSurvey>(); })) {
        for (const auto& [account, part] : survey->accounts()) sums[account] += part;
    }
    for (const auto& survey : runner.run<gateway::LeafSurvey>(
             [] { return std::make_shared<gateway::LeafSurvey>(gateway::LeafQuery{}); })) {
        for (const gateway::LeafSnapshot& leaf : survey->leafs()) {
            const account::Account* account = server.accounts().find(leaf.connection.account);
            if (account != nullptr) ++sums[account].leafnodes;
        }
    }
    return sums;
}

}  // namespace nuring::monitor

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "proto/route_parser.h"

namespace nuring::cluster {

// EarlyInterest is what a server of the cluster wants in accounts that are not known here yet: a new account
// comes to one server after the other, by a reload of each, and its interest is announced once.
// Threads:  the worker of its route.
// Limits:   kLinesMax lines, and the length of names; further ones are forgotten.
// Errors:   none; what is no pattern is found out when it is handed over.
// Lifetime: of its route.
class EarlyInterest {
  public:
    static constexpr size_t kLinesMax = 16384;

    bool empty() const { return accounts_.empty(); }
    size_t size() const { return count_; }

    void subscribe(const proto::RouteOperation& operation);
    void unsubscribe(const proto::RouteOperation& operation);

    // Calls visit(operation) for each RS+ of accounts that is_known(name) knows by now, and forgets them.
    template <typename IsKnown, typename Visit>
    void hand_over(IsKnown&& is_known, Visit&& visit) {
        for (auto each = accounts_.begin(); each != accounts_.end();) {
            const auto of_account = each++;
            if (!is_known(std::string_view(of_account->first))) continue;
            for (const auto& [names, weight] : of_account->second) {
                visit(to_operation(of_account->first, names, weight));
            }
            count_ -= of_account->second.size();
            accounts_.erase(of_account);
        }
    }

  private:
    using Weights = absl::flat_hash_map<std::string, uint32_t>;  // by "<origin> <subject> <queue>"

    static std::string names_of(const proto::RouteOperation& operation);
    static proto::RouteOperation to_operation(std::string_view account, std::string_view names,
                                              uint32_t weight);

    absl::flat_hash_map<std::string, Weights> accounts_;
    size_t count_ = 0;
};

}  // namespace nuring::cluster

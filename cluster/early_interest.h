// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "proto/route_parser.h"

namespace nuring::cluster {

// EarlyInterest is what a server of the cluster wants in accounts that are not known here yet: a new account
// comes to one server after the other, by a reload of each, and its interest is announced once.
// Threads:  the worker of its route.
// Limits:   kLinesMax lines with kBytesMax bytes of names; further ones are forgotten.
// Errors:   none; what is no pattern is found out when it is handed over.
// Lifetime: of its route.
class EarlyInterest {
  public:
    static constexpr size_t kLinesMax = 16384;
    // Four times what as many lines of usual length have.
    static constexpr size_t kBytesMax = 4 * 1024 * 1024;

    bool empty() const { return accounts_.empty(); }
    size_t size() const { return count_; }

    void subscribe(const proto::RouteOperation& operation);
    void unsubscribe(const proto::RouteOperation& operation);

    // Looks which of the accounts is_known(name) knows by now.
    template <typename IsKnown>
    void find_known(IsKnown&& is_known) {
        known_.clear();
        for (const auto& [name, weights] : accounts_) {
            if (is_known(std::string_view(name))) known_.push_back(name);
        }
    }
    // Calls visit(operation) for up to `most` RS+ of these accounts, and forgets them; returns their number.
    // A reload may bring all accounts at once.
    template <typename Visit>
    size_t hand_over(size_t most, Visit&& visit) {
        size_t handed = 0;
        for (; handed < most && !known_.empty();) {
            const auto of_account = accounts_.find(known_.back());
            if (of_account == accounts_.end()) {
                known_.pop_back();
                continue;
            }
            Weights& weights = of_account->second;
            for (auto each = weights.begin(); each != weights.end() && handed < most; ++handed) {
                visit(to_operation(of_account->first, each->first, each->second));
                forget(of_account->first, each->first);
                weights.erase(each++);
            }
            if (weights.empty()) accounts_.erase(of_account);
        }
        return handed;
    }
    // All of them have been handed over.
    bool is_done() const { return known_.empty(); }

  private:
    using Weights = absl::flat_hash_map<std::string, uint32_t>;  // by "<origin> <subject> <queue>"

    static size_t bytes_of(std::string_view account, std::string_view names);
    void forget(std::string_view account, std::string_view names);
    static std::string names_of(const proto::RouteOperation& operation);
    static proto::RouteOperation to_operation(std::string_view account, std::string_view names,
                                              uint32_t weight);

    absl::flat_hash_map<std::string, Weights> accounts_;
    size_t count_ = 0;
    size_t bytes_ = 0;
    std::vector<std::string> known_;  // accounts to hand over
};

}  // namespace nuring::cluster

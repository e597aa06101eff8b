// SPDX-License-Identifier: Apache-2.0
#include "cluster/early_interest.h"

#include <cassert>
#include <utility>

#include "core/base/status.h"
#include "core/delivery/records.h"
#include "fmt/format.h"

namespace nuring::cluster {

// None of them has a blank.
std::string EarlyInterest::names_of(const proto::RouteOperation& operation) {
    return fmt::format("{} {} {}", operation.origin, operation.subject, operation.queue);
}

proto::RouteOperation EarlyInterest::to_operation(std::string_view account, std::string_view names,
                                                  uint32_t weight) {
    const size_t first = names.find(' ');
    const size_t last = names.rfind(' ');
    assert(first < last && last != std::string_view::npos);
    proto::RouteOperation operation;
    operation.verb = proto::RouteVerb::kSubscribe;
    operation.weight = weight;
    operation.origin = names.substr(0, first);
    operation.account = account;
    operation.subject = names.substr(first + 1, last - first - 1);
    operation.queue = names.substr(last + 1);
    operation.args = names;
    return operation;
}

size_t EarlyInterest::bytes_of(std::string_view account, std::string_view names) {
    return account.size() + names.size();
}

void EarlyInterest::forget(std::string_view account, std::string_view names) {
    --count_;
    bytes_ -= bytes_of(account, names);
}

void EarlyInterest::subscribe(const proto::RouteOperation& operation) {
    std::string names = names_of(operation);
    if (names.size() > delivery::kNamesSizeMax) return;
    const size_t bytes = bytes_of(operation.account, names);
    if (count_ >= kLinesMax || bytes_ + bytes > kBytesMax) return;
    Weights& weights = accounts_[std::string(operation.account)];
    if (!weights.insert_or_assign(std::move(names), operation.weight).second) return;
    ++count_;
    bytes_ += bytes;
}

void EarlyInterest::unsubscribe(const proto::RouteOperation& operation) {
    const auto of_account = accounts_.find(base::absl_view(operation.account));
    if (of_account == accounts_.end()) return;
    const std::string names = names_of(operation);
    if (of_account->second.erase(names) != 0) forget(operation.account, names);
    if (of_account->second.empty()) accounts_.erase(of_account);
}

}  // namespace nuring::cluster

// SPDX-License-Identifier: Apache-2.0
#include "gateway/gateway_pending.h"

#include <cassert>

#include "core/account/account.h"
#include "core/base/status.h"
#include "fmt/format.h"

namespace nuring::gateway {

PendingInterest::Entry* PendingInterest::entry(std::string_view account) {
    const auto found = accounts_.find(base::absl_view(account));
    if (found != accounts_.end()) return &found->second;
    if (count_ >= kEntriesMax) return nullptr;
    ++count_;
    Entry& entry = accounts_[std::string(account)];
    if (interest_only_) entry.mode = InterestMode::kInterestOnly;
    return &entry;
}

size_t PendingInterest::wanted_by(std::string_view account) const {
    const auto found = accounts_.find(base::absl_view(account));
    return found == accounts_.end() ? 0 : found->second.wanted.size();
}

void PendingInterest::subscribe(std::string_view account, std::string_view pattern, std::string_view queue) {
    Entry* entry = this->entry(account);
    if (entry == nullptr || count_ >= kEntriesMax) return;
    if (queue.empty() && entry->mode == InterestMode::kOptimistic) return;
    entry->is_refused = false;
    if (entry->wanted.insert(fmt::format("{} {}", pattern, queue)).second) ++count_;
}

void PendingInterest::unsubscribe(std::string_view account, std::string_view pattern,
                                  std::string_view queue) {
    const auto found = accounts_.find(base::absl_view(account));
    if (found == accounts_.end()) return;
    Entry& entry = found->second;
    if (queue.empty() && entry.mode == InterestMode::kOptimistic) entry.is_refused = false;
    count_ -= entry.wanted.erase(fmt::format("{} {}", pattern, queue));
}

void PendingInterest::set_refused(std::string_view account, bool is_refused) {
    Entry* entry = this->entry(account);
    if (entry == nullptr) return;
    // As OutboundInterest: A+ means something in the optimistic mode only; after A- the other side begins
    // anew with this account, and its groups stay.
    if (!is_refused) {
        if (entry->mode == InterestMode::kOptimistic) entry->is_refused = false;
        return;
    }
    entry->begins_anew = true;
    if (entry->mode != InterestMode::kOptimistic) {
        count_ -= absl::erase_if(entry->wanted, [](const std::string& each) { return each.ends_with(' '); });
    }
    entry->mode = InterestMode::kOptimistic;
    entry->is_refused = entry->wanted.empty();
}

void PendingInterest::begin_switch(std::string_view account) {
    Entry* entry = this->entry(account);
    if (entry == nullptr || entry->mode != InterestMode::kOptimistic) return;
    entry->mode = InterestMode::kTransitioning;
}

void PendingInterest::end_switch(std::string_view account) {
    Entry* entry = this->entry(account);
    if (entry == nullptr) return;
    entry->mode = InterestMode::kInterestOnly;
    entry->is_refused = false;
}

void PendingInterest::replay(account::Account& account, OutboundInterest* interest) {
    const auto found = accounts_.find(account.name());
    if (found == accounts_.end()) return;
    const Entry& entry = found->second;
    if (entry.begins_anew) {
        interest->on_account_refused(account);
        if (!entry.is_refused) interest->on_account_wanted(account);
    }
    if (entry.mode != InterestMode::kOptimistic) interest->begin_switch(account);
    for (const std::string& each : entry.wanted) {
        const size_t blank = each.find(' ');
        assert(blank != std::string::npos);
        // A text that is not a pattern is ignored now, as it would have been when it arrived.
        (void)interest->subscribe(account, std::string_view(each).substr(0, blank),
                                  std::string_view(each).substr(blank + 1));
    }
    if (entry.mode == InterestMode::kInterestOnly) interest->end_switch(account);
    assert(count_ > entry.wanted.size());
    count_ -= entry.wanted.size() + 1;
    accounts_.erase(found);
}

}  // namespace nuring::gateway

// SPDX-License-Identifier: Apache-2.0
#include "gateway/gateway_pending.h"

#include <cassert>
#include <utility>

#include "core/account/account.h"
#include "core/base/status.h"
#include "fmt/format.h"

namespace nuring::gateway {

PendingInterest::Entry* PendingInterest::entry(std::string_view account) {
    const auto found = accounts_.find(base::absl_view(account));
    if (found != accounts_.end()) return &found->second;
    if (count_ >= kEntriesMax || bytes_ + account.size() > kBytesMax) return nullptr;
    ++count_;
    bytes_ += account.size();
    Entry& entry = accounts_[std::string(account)];
    if (interest_only_) entry.mode = InterestMode::kInterestOnly;
    return &entry;
}

void PendingInterest::note_gone(Entry& entry, size_t count, size_t bytes) {
    assert(count_ >= count);
    assert(bytes_ >= bytes);
    count_ -= count;
    bytes_ -= bytes;
    entry.wanted_bytes -= bytes;
}

size_t PendingInterest::wanted_by(std::string_view account) const {
    const auto found = accounts_.find(base::absl_view(account));
    return found == accounts_.end() ? 0 : found->second.wanted.size();
}

void PendingInterest::subscribe(std::string_view account, std::string_view pattern, std::string_view queue) {
    Entry* entry = this->entry(account);
    if (entry == nullptr || count_ >= kEntriesMax) return;
    if (queue.empty() && entry->mode == InterestMode::kOptimistic) return;
    std::string names = fmt::format("{} {}", pattern, queue);
    const size_t bytes = names.size();
    if (bytes_ + bytes > kBytesMax) return;
    entry->is_refused = false;
    if (!entry->wanted.insert(std::move(names)).second) return;
    ++count_;
    bytes_ += bytes;
    entry->wanted_bytes += bytes;
}

void PendingInterest::unsubscribe(std::string_view account, std::string_view pattern,
                                  std::string_view queue) {
    const auto found = accounts_.find(base::absl_view(account));
    if (found == accounts_.end()) return;
    Entry& entry = found->second;
    if (queue.empty() && entry.mode == InterestMode::kOptimistic) entry.is_refused = false;
    const std::string names = fmt::format("{} {}", pattern, queue);
    if (entry.wanted.erase(names) != 0) note_gone(entry, 1, names.size());
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
        size_t bytes = 0;
        const size_t count = absl::erase_if(entry->wanted, [&bytes](const std::string& each) {
            const bool is_plain = each.ends_with(' ');
            if (is_plain) bytes += each.size();
            return is_plain;
        });
        note_gone(*entry, count, bytes);
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
    bytes_ -= entry.wanted_bytes + account.name().size();
    accounts_.erase(found);
}

}  // namespace nuring::gateway

// SPDX-License-Identifier: Apache-2.0
#include "gateway/gateway_interest.h"

#include <cassert>
#include <utility>

#include "core/account/account.h"
#include "core/base/status.h"
#include "fmt/format.h"
#include "proto/subject.h"

namespace nuring::gateway {

// ------------------------------------------------------------------------------- OutboundInterest

OutboundInterest::Entry& OutboundInterest::entry(account::Account& account) {
    const auto [found, is_new] = entries_.try_emplace(&account);
    Entry& entry = found->second;
    if (!is_new) return entry;
    if (interest_only_) entry.mode = InterestMode::kInterestOnly;
    update_everything(account, entry);
    return entry;
}

// The subscription to everything stands for the optimism, and for an RS+ to ">".
void OutboundInterest::update_everything(account::Account& account, Entry& entry) {
    const bool is_optimistic = entry.mode != InterestMode::kInterestOnly && !entry.is_refused;
    const bool wanted = is_optimistic || entry.asks_for_everything;
    if (wanted == entry.is_everything_stored) return;
    entry.is_everything_stored = wanted;
    if (wanted) {
        const bool added = store_.add(account, proto::kAnyTail, {});
        assert(added);
    } else {
        const bool removed = store_.remove(account, proto::kAnyTail, {});
        assert(removed);
    }
}

void OutboundInterest::forget_refused(Entry& entry) {
    assert(refused_count_ >= entry.refused.size());
    assert(refused_bytes_ >= entry.refused_bytes);
    refused_count_ -= entry.refused.size();
    refused_bytes_ -= std::exchange(entry.refused_bytes, 0);
    entry.refused.clear();
}

// A refusal is withdrawn, by a pattern with wildcards that of all its subjects.
void OutboundInterest::accept_again(Entry& entry, std::string_view pattern) {
    size_t count = 0;
    size_t bytes = 0;
    if (proto::is_literal(pattern)) {
        count = entry.refused.erase(base::absl_view(pattern));
        bytes = count * pattern.size();
    } else {
        count = absl::erase_if(entry.refused, [pattern, &bytes](const std::string& each) {
            const bool matches = proto::matches_literal(each, pattern);
            if (matches) bytes += each.size();
            return matches;
        });
    }
    refused_count_ -= count;
    refused_bytes_ -= bytes;
    entry.refused_bytes -= bytes;
}

// The other side begins anew with this account: a later A+, or RS+ of a group, is all that it will say.
void OutboundInterest::on_account_refused(account::Account& account) {
    Entry& entry = this->entry(account);
    forget_refused(entry);
    entry.mode = InterestMode::kOptimistic;
    entry.is_refused = entry.queues == 0;
    if (entry.plain != 0) {
        store_.remove_plain(account);
        entry.is_everything_stored = false;
    }
    entry.plain = 0;
    entry.asks_for_everything = false;
    update_everything(account, entry);
}

void OutboundInterest::on_account_wanted(account::Account& account) {
    Entry& entry = this->entry(account);
    if (entry.mode != InterestMode::kOptimistic) return;
    if (entry.queues == 0) forget_refused(entry);
    entry.is_refused = false;
    update_everything(account, entry);
}

bool OutboundInterest::subscribe(account::Account& account, std::string_view pattern,
                                 std::string_view queue) {
    Entry& entry = this->entry(account);
    if (!queue.empty()) {
        if (!proto::is_valid_pattern(pattern)) return false;
        if (store_.add(account, pattern, queue)) ++entry.queues;
        entry.is_refused = false;  // the line stands for an A+, too
        update_everything(account, entry);
        return true;
    }
    if (!entry.refused.empty()) accept_again(entry, pattern);  // in the first two modes
    if (entry.mode == InterestMode::kOptimistic) return true;
    if (!proto::is_valid_pattern(pattern)) return false;
    if (pattern == proto::kAnyTail) {
        if (!entry.asks_for_everything) ++entry.plain;
        entry.asks_for_everything = true;
        update_everything(account, entry);
        return true;
    }
    if (store_.add(account, pattern, {})) ++entry.plain;
    return true;
}

void OutboundInterest::unsubscribe(account::Account& account, std::string_view pattern,
                                   std::string_view queue) {
    Entry& entry = this->entry(account);
    if (!queue.empty()) {
        if (!store_.remove(account, pattern, queue)) return;
        assert(entry.queues > 0);
        --entry.queues;
        return;
    }
    if (entry.mode == InterestMode::kOptimistic) {
        entry.is_refused = false;
        update_everything(account, entry);
        if (refused_count_ >= kRefusedMax || refused_bytes_ + pattern.size() > kRefusedBytesMax) return;
        if (!entry.refused.emplace(pattern).second) return;
        ++refused_count_;
        refused_bytes_ += pattern.size();
        entry.refused_bytes += pattern.size();
        return;
    }
    if (pattern == proto::kAnyTail) {
        if (entry.asks_for_everything) --entry.plain;
        entry.asks_for_everything = false;
        return update_everything(account, entry);
    }
    if (store_.remove(account, pattern, {})) --entry.plain;
}

void OutboundInterest::begin_switch(account::Account& account) {
    Entry& entry = this->entry(account);
    if (entry.mode == InterestMode::kOptimistic) entry.mode = InterestMode::kTransitioning;
}

void OutboundInterest::end_switch(account::Account& account) {
    Entry& entry = this->entry(account);
    entry.mode = InterestMode::kInterestOnly;
    entry.is_refused = false;
    forget_refused(entry);
    update_everything(account, entry);
}

bool OutboundInterest::refuses(account::Account& account, std::string_view subject) const {
    if (refused_count_ == 0) return false;
    const auto found = entries_.find(&account);
    return found != entries_.end() && found->second.refused.contains(base::absl_view(subject));
}

OutboundInterest::Facts OutboundInterest::facts_of(const Entry& entry) {
    return {.mode = entry.mode,
            .is_refused = entry.is_refused,
            .refused_subjects = entry.refused.size(),
            .plain = entry.plain,
            .queues = entry.queues};
}

OutboundInterest::Facts OutboundInterest::facts(account::Account& account) const {
    const auto found = entries_.find(&account);
    return found == entries_.end() ? Facts{} : facts_of(found->second);
}

// -------------------------------------------------------------------------------- InboundInterest

void InboundInterest::on_change(account::Account& account, std::string_view pattern, std::string_view queue,
                                bool is_wanted) {
    Entry& entry = entries_[&account];
    if (!queue.empty()) return change_queue(account, entry, pattern, queue, is_wanted);
    if (entry.mode != InterestMode::kOptimistic) {
        return sender_.send_change(account, pattern, {}, is_wanted);
    }
    if (!is_wanted) return;  // the next message finds out
    if (forget_refused_account(account.name())) return sender_.send_account(account.name(), true);
    if (forget_refused(entry, pattern)) sender_.send_change(account, pattern, {}, true);
}

// A group is announced once, however many members it has; the line makes the other side forget an A-.
void InboundInterest::change_queue(account::Account& account, Entry& entry, std::string_view pattern,
                                   std::string_view queue, bool is_wanted) {
    const std::string key = fmt::format("{} {}", pattern, queue);
    if (is_wanted) {
        if (!entry.queues.insert(key).second) return;
        (void)forget_refused_account(account.name());
    } else if (entry.queues.erase(key) == 0) {
        return;
    }
    sender_.send_change(account, pattern, queue, is_wanted);
}

// True: a subject of that pattern was refused.
bool InboundInterest::forget_refused(Entry& entry, std::string_view pattern) {
    if (entry.refused.empty()) return false;
    if (proto::is_literal(pattern)) return entry.refused.erase(base::absl_view(pattern)) != 0;
    return absl::erase_if(entry.refused, [pattern](const std::string& each) {
               return proto::matches_literal(each, pattern);
           }) != 0;
}

void InboundInterest::on_unknown_account(std::string_view account) { refuse_account(account); }

void InboundInterest::refuse_account(std::string_view account) {
    if (refused_accounts_.size() >= kRefusedAccountsMax) return;
    if (refused_accounts_bytes_ + account.size() > kRefusedAccountsBytesMax) return;
    if (!refused_accounts_.emplace(account).second) return;
    refused_accounts_bytes_ += account.size();
    sender_.send_account(account, false);
}

bool InboundInterest::forget_refused_account(std::string_view account) {
    if (refused_accounts_.erase(base::absl_view(account)) == 0) return false;
    refused_accounts_bytes_ -= account.size();
    return true;
}

void InboundInterest::on_unwanted(account::Account& account, std::string_view subject, bool has_interest) {
    Entry& entry = entries_[&account];
    // An A- after the switch makes other servers forget the announcements.
    if (entry.mode != InterestMode::kOptimistic) return;
    if (!has_interest) {
        entry.refused.clear();
        return refuse_account(account.name());
    }
    if (entry.refused.contains(base::absl_view(subject))) return;
    if (entry.refused.size() >= kRefusedSubjectsMax) return switch_account(account);
    entry.refused.emplace(subject);
    (void)forget_refused_account(account.name());
    sender_.send_change(account, subject, {}, false);
}

void InboundInterest::switch_account(account::Account& account) {
    Entry& entry = entries_[&account];
    if (entry.mode != InterestMode::kOptimistic) return;
    entry.mode = InterestMode::kTransitioning;
    entry.refused.clear();
    (void)forget_refused_account(account.name());
    sender_.start_switch(account);
}

void InboundInterest::end_switch(account::Account& account) {
    Entry& entry = entries_[&account];
    assert(entry.mode != InterestMode::kOptimistic);
    entry.mode = InterestMode::kInterestOnly;
}

InterestMode InboundInterest::mode(account::Account& account) const {
    const auto found = entries_.find(&account);
    return found == entries_.end() ? InterestMode::kOptimistic : found->second.mode;
}

bool InboundInterest::is_refused(std::string_view account) const {
    return refused_accounts_.contains(base::absl_view(account));
}

size_t InboundInterest::refused_subjects(account::Account& account) const {
    const auto found = entries_.find(&account);
    return found == entries_.end() ? 0 : found->second.refused.size();
}

}  // namespace nuring::gateway

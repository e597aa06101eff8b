// SPDX-License-Identifier: Apache-2.0
// Route: RS+ and RS-, both ways.
#include <algorithm>
#include <string>

#include "cluster/route.h"
#include "cluster/routes.h"
#include "fmt/format.h"
#include "proto/error_text.h"
#include "proto/quote.h"
#include "proto/subject.h"

namespace nuring::cluster {
namespace {

// What a turn tells a new server, at least: a million subscriptions take some sixty turns.
constexpr size_t kToldPerTurn = 16 * 1024;

// Requests of old servers whose answers are awaited, and how long.
constexpr size_t kAwaitedMax = 65536;
constexpr uint64_t kAwaited_ns = 600'000'000'000;

// An account of operator mode that nobody here has logged in to may still have interest elsewhere.
bool is_account_key(std::string_view name) { return name.size() == 56 && name.front() == 'A'; }

}  // namespace

// ------------------------------------------------------------------------- what others want

account::Account* Route::find_account(std::string_view name) {
    if (last_account_ != nullptr && last_account_->name() == name) return last_account_;
    const auto known = accounts_.find(absl::string_view(name.data(), name.size()));
    if (known != accounts_.end()) return last_account_ = known->second;
    account::Account* account = links_.accounts.find(name);
    if (account == nullptr && links_.authenticator->trust() != nullptr && is_account_key(name)) {
        account = &links_.accounts.find_or_create(name);
    }
    if (account != nullptr) accounts_.emplace(std::string(name), account);
    if (account != nullptr) last_account_ = account;
    return account;
}

void Route::subscribe(const proto::RouteOperation& operation) {
    if (!is_registered_) return;
    account::Account* account = find_account(operation.account);
    if (account == nullptr) {
        return links_.log.debug("{} - Unknown account {} for subject {}", label(),
                                proto::quote(operation.account), proto::quote(operation.subject));
    }
    if (!settings_->may_export(operation.subject)) {
        return links_.log.debug("{} - Can not export {}, ignoring remote subscription request", label(),
                                proto::quote(operation.subject));
    }
    Subscriptions& subscriptions = subscriptions_[account];
    const BySubject::Key key{operation.subject, operation.queue};
    const auto known = subscriptions.find(key);
    if (known != subscriptions.end()) {
        if ((*known)->is_queue() && (*known)->weight() != operation.weight) {
            account->sublist().set_weight(*known, std::max(operation.weight, 1U));
        }
        return;
    }
    interest::Subscription* subscription = nullptr;
    if (proto::is_valid_pattern(operation.subject)) {
        subscription = links_.subscriptions.create({.link = handle(),
                                                    .owner = static_cast<link::Subscriber*>(this),
                                                    .serial = links_.take_serial(),
                                                    .subject = operation.subject,
                                                    .queue = operation.queue,
                                                    .weight = std::max(operation.weight, 1U),
                                                    .kind = proto::Kind::kRoute});
    }
    if (subscription == nullptr) {
        links_.log.error("{} - Could not insert subscription: {}", label(), operation.args);
        return send_error("Invalid Subscription");
    }
    subscriptions.insert(subscription);
    ++subscription_count_;
    account->sublist().insert(subscription);
}

void Route::unsubscribe(const proto::RouteOperation& operation) {
    account::Account* account = find_account(operation.account);
    if (account == nullptr) return;
    const auto of_account = subscriptions_.find(account);
    if (of_account == subscriptions_.end()) return;
    const auto known = of_account->second.find(BySubject::Key{operation.subject, operation.queue});
    if (known == of_account->second.end()) return;
    interest::Subscription* subscription = *known;
    of_account->second.erase(known);
    --subscription_count_;
    links_.retire(subscription);
    account->sublist().remove(subscription);
}

// Source: server/route.go, processInboundRoutedMsg 2.0.0-RC19: a subscription for one message.
void Route::await_answer(account::Account& account, std::string_view reply) {
    const uint64_t now_ns = links_.ring.now_ns();
    const std::string key = fmt::format("{} {}", account.name(), reply);
    if (awaited_.contains(key)) return;
    // Servers of this kind have told that they want all such subjects.
    const auto of_account = subscriptions_.find(&account);
    if (of_account != subscriptions_.end() && of_account->second.contains(BySubject::Key{"_R_.>", {}})) return;
    if (awaited_.size() >= kAwaitedMax) {
        absl::erase_if(awaited_, [&](const auto& entry) {
            if (entry.second.expires_ns > now_ns) return false;
            unsubscribe_awaited(entry.first, entry.second.subscription);
            return true;
        });
        if (awaited_.size() >= kAwaitedMax) return;
    }
    interest::Subscription* subscription =
        links_.subscriptions.create({.link = handle(),
                                     .owner = static_cast<link::Subscriber*>(this),
                                     .serial = links_.take_serial(),
                                     .subject = reply,
                                     .kind = proto::Kind::kRoute});
    if (subscription == nullptr) return;
    awaited_.emplace(key, Awaited{subscription, now_ns + kAwaited_ns});
    account.sublist().insert(subscription);
}

void Route::answered(account::Account& account, std::string_view subject) {
    const auto found = awaited_.find(fmt::format("{} {}", account.name(), subject));
    if (found == awaited_.end()) return;
    unsubscribe_awaited(found->first, found->second.subscription);
    awaited_.erase(found);
}

void Route::unsubscribe_awaited(std::string_view key, interest::Subscription* subscription) {
    account::Account* account = find_account(key.substr(0, key.find(' ')));
    links_.retire(subscription);
    if (account != nullptr) account->sublist().remove(subscription);
}

bool Route::release(size_t most) {
    for (const auto& [key, awaited] : awaited_) unsubscribe_awaited(key, awaited.subscription);
    awaited_.clear();
    std::vector<interest::Subscription*> some;
    while (!subscriptions_.empty() && some.size() < most) {
        const auto of_account = subscriptions_.begin();
        const size_t first = some.size();
        Subscriptions& all = of_account->second;
        while (!all.empty() && some.size() < most) {
            some.push_back(*all.begin());
            all.erase(all.begin());
        }
        std::vector<interest::Subscription*> taken(some.begin() + static_cast<std::ptrdiff_t>(first),
                                                   some.end());
        take_back(*of_account->first, taken);
        if (all.empty()) subscriptions_.erase(of_account);
    }
    if (!subscriptions_.empty()) return false;
    released();
    return true;
}

void Route::take_back(account::Account& account, std::vector<interest::Subscription*>& some) {
    std::sort(some.begin(), some.end(),
              [](const auto* a, const auto* b) { return a->serial() < b->serial(); });
    account.sublist().remove_batch(some);
    for (interest::Subscription* each : some) links_.retire(each);
    subscription_count_ -= some.size();
}

// ------------------------------------------------------------------------ what this one wants

void Route::announce(account::Account& account, std::string_view pattern, std::string_view queue) {
    if (!open()) return;
    send_interest(account, pattern, queue, account.sublist().own_interest(links_.id, pattern, queue));
}

void Route::send_interest(account::Account& account, std::string_view pattern, std::string_view queue,
                          size_t count) {
    if (!settings_->may_import(pattern)) return;
    std::string& line = links_.scratch;
    line = count == 0 ? "RS- " : "RS+ ";
    line += account.name();
    line += ' ';
    line += pattern;
    if (!queue.empty()) {
        line += ' ';
        line += queue;
        if (count != 0) fmt::format_to(std::back_inserter(line), " {}", count);
    }
    if (links_.log.trace_enabled()) links_.log.trace("{} - ->> [{}]", label(), line);
    line += "\r\n";
    outbound_.append(line);
    mark_dirty();
}

// At once, or in slices where there is much to tell: then nothing is read meanwhile, so that the PONG to a
// PING says that all was told. What changes meanwhile is announced as ever.
void Route::begin_dump() {
    dump_accounts_ = links_.accounts.list();
    dump_account_ = 0;
    dump_slice_ = 0;
    if (is_dumping_ || dump_some()) return;
    is_dumping_ = true;
    if (!paused()) pause();
    links_.tell_later(*this);
}

bool Route::tell_some() {
    if (!dump_some()) return false;
    is_dumping_ = false;
    resume();
    return true;
}

// True: that was all.
bool Route::dump_some() {
    size_t told = 0;
    for (; dump_account_ < dump_accounts_.size(); ++dump_account_) {
        account::Account& account = *dump_accounts_[dump_account_];
        const uint32_t slices = account.sublist().count() == 0 ? 0 : account.sublist().own_slice_count();
        for (; dump_slice_ < slices; ++dump_slice_) {
            if (told > kToldPerTurn) return false;
            account.sublist().for_each_own(
                links_.id, dump_slice_,
                [&](std::string_view pattern, std::string_view queue, size_t count) {
                    send_interest(account, pattern, queue, count);
                    ++told;
                });
        }
        dump_slice_ = 0;
    }
    dump_accounts_ = {};
    links_.log.debug("{} - Sent local subscriptions to route", label());
    return true;
}

// Permissions: what may be imported now is told, what may not be any more is taken back; what others may
// not ask for any more goes. What they may ask for now, they tell again when they get the INFO.
void Route::change(std::shared_ptr<const RouteSettings> settings) {
    const std::shared_ptr<const RouteSettings> before = std::exchange(settings_, std::move(settings));
    if (!open() || !is_told_) return;
    // Who was let in without the user and password that are asked for now has to come again.
    const config::LinkAuthorization& asked = settings_->cluster().authorization;
    const config::LinkAuthorization& was = before->cluster().authorization;
    if (!target_.has_value() && settings_->asks_for_credentials() &&
        (asked.user != was.user || asked.password != was.password)) {
        send_error(proto::kErrAuthorizationViolation);
        return close(link::CloseReason::kAuthenticationFailure);
    }
    send_info(settings_->info);
    if (!is_registered_) return;
    for (account::Account* account : links_.accounts.list()) {
        for (uint32_t slice = 0; slice < account->sublist().own_slice_count(); ++slice) {
            account->sublist().for_each_own(
                links_.id, slice, [&](std::string_view pattern, std::string_view queue, size_t count) {
                    if (before->may_import(pattern) == settings_->may_import(pattern)) return;
                    if (settings_->may_import(pattern)) return send_interest(*account, pattern, queue, count);
                    queue.empty() ? outbound_.append(fmt::format("RS- {} {}\r\n", account->name(), pattern))
                                  : outbound_.append(
                                        fmt::format("RS- {} {} {}\r\n", account->name(), pattern, queue));
                    mark_dirty();
                });
        }
    }
    for (auto& [account, subscriptions] : subscriptions_) {
        std::vector<interest::Subscription*> denied;
        for (interest::Subscription* each : subscriptions) {
            if (!settings_->may_export(each->subject())) denied.push_back(each);
        }
        for (interest::Subscription* each : denied) subscriptions.erase(each);
        take_back(*account, denied);
    }
}

}  // namespace nuring::cluster

// SPDX-License-Identifier: Apache-2.0
// Route: answers to requests over service imports of servers before 2.1.2.
#include <cassert>
#include <string>

#include "cluster/route.h"
#include "fmt/format.h"
#include "proto/subject.h"

namespace nuring::cluster {
namespace {

// Requests of old servers whose answers are awaited, and how long.
constexpr size_t kAwaitedMax = 65536;
constexpr uint64_t kAwaited_ns = 600'000'000'000;

}  // namespace

bool Route::admit_message(const proto::RouteOperation& operation, Inbound* message) {
    if (!operation.origin.empty()) message->publisher.origin_cluster = origin_id(operation.origin);
    // One word after the prefix: a server before 2.1.2.
    if (operation.reply.starts_with(proto::kServiceReplyPrefix) &&
        operation.reply.find('.', proto::kServiceReplyPrefix.size()) == std::string_view::npos) [[unlikely]] {
        await_answer(*message->account, operation.reply);
    }
    return true;
}

void Route::deliver_to_server(account::Account& account, const delivery::MessageRun& run,
                              std::string_view queues) {
    ServerLink::deliver_to_server(account, run, queues);
    if (!awaited_.empty()) [[unlikely]] answered(account, run.subject);
}

// Source: server/route.go, processInboundRoutedMsg 2.0.0-RC19: a subscription for one message.
void Route::await_answer(account::Account& account, std::string_view reply) {
    const uint64_t now_ns = host_.ring.now_ns();
    const std::string key = fmt::format("{} {}", account.name(), reply);
    if (awaited_.contains(key)) return;
    // Servers of this kind have announced that they want all such subjects.
    if (remote_interest_.contains(account, "_R_.>", {})) return;
    if (awaited_.size() >= kAwaitedMax) {
        absl::erase_if(awaited_, [&](const auto& entry) {
            if (entry.second.expires_ns > now_ns) return false;
            unsubscribe(entry.second);
            return true;
        });
        if (awaited_.size() >= kAwaitedMax) return;
    }
    interest::Subscription* subscription =
        delivery_.subscriptions.create({.link = handle(),
                                        .owner = static_cast<delivery::Subscriber*>(this),
                                        .subject = reply,
                                        .kind = proto::Kind::kRoute});
    if (subscription == nullptr) return;
    awaited_.emplace(key, Awaited{&account, subscription, now_ns + kAwaited_ns});
    account.sublist().insert(subscription);
}

void Route::answered(account::Account& account, std::string_view subject) {
    const auto found = awaited_.find(fmt::format("{} {}", account.name(), subject));
    if (found == awaited_.end()) return;
    unsubscribe(found->second);
    awaited_.erase(found);
}

void Route::unsubscribe(const Awaited& awaited) {
    const bool was_there = awaited.account->sublist().remove(awaited.subscription);
    assert(was_there);
    delivery_.subscriptions.retire(awaited.subscription);
}

}  // namespace nuring::cluster

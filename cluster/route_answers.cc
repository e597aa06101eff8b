// SPDX-License-Identifier: Apache-2.0
// Route: answers to requests over service imports of servers before 2.1.2.
#include "cluster/route.h"
#include "proto/subject.h"

namespace nuring::cluster {

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
    if (!awaited_.empty()) [[unlikely]] awaited_.on_answer(account, run.subject);
}

void Route::await_answer(account::Account& account, std::string_view reply) {
    // Servers of this kind have announced that they want all such subjects.
    if (remote_interest_.contains(account, "_R_.>", {})) return;
    awaited_.add(account, reply, host_.ring.now_ns());
}

}  // namespace nuring::cluster

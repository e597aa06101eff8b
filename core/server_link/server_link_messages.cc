// SPDX-License-Identifier: Apache-2.0
// ServerLink: messages, both ways.
#include <algorithm>
#include <cassert>
#include <cstring>
#include <optional>
#include <string>

#include "core/delivery/deliver.h"
#include "core/delivery/line_buffer.h"
#include "core/delivery/map_subject.h"
#include "core/delivery/records.h"
#include "core/delivery/room.h"
#include "core/delivery/run_reader.h"
#include "core/server_link/server_link.h"
#include "fmt/format.h"
#include "proto/encode_client.h"
#include "proto/encode_route.h"
#include "proto/gateway_reply.h"
#include "proto/jetstream.h"
#include "proto/quote.h"
#include "proto/subject.h"

namespace nuring::server_link {

// --------------------------------------------------------------------------------- coming in

// Messages with one control line behind one another are a run (delivery/message_run.h).
delivery::MessageRun ServerLink::read_run(const char* begin, const char* end,
                                          const proto::RouteOperation& operation) {
    if (!operation.canonical) [[unlikely]] {
        return delivery::frame_message(delivery::parts_of(operation), &reframed_);
    }
    delivery::MessageRun run;
    delivery::begin_run(operation, &run);
    if (!tracing_)
        delivery::extend_run(begin, end, operation.line_size, host_.limits().flow.run_bytes, &run);
    return run;
}

// False: the link was paused and consumes the same input later.
bool ServerLink::publish(const char* begin, const char* end, proto::RouteOperation& operation,
                         size_t* used) {
    if (tracing_) trace_in(operation);
    const size_t stride = operation.consumed;
    *used = stride;
    account::Account* account = takes_traffic() ? account_of(operation) : nullptr;
    if (account == nullptr) {
        host_.log.debug("{} - Unknown account {} for routed message on subject: {}", label(),
                        proto::quote(operation.account), proto::quote(operation.subject));
        return true;
    }
    if (operation.subject.size() + operation.reply.size() > delivery::kNamesSizeMax) return true;
    Inbound message{.account = account,
                    .run = read_run(begin, end, operation),
                    .publisher = {.link = handle(), .kind = kind(), .queues = operation.queues}};
    delivery::MessageRun& run = message.run;
    base::LinkHandle server;
    const Answer answer = read_answer(&message, &server);
    if (answer == Answer::kNowhere) return true;
    if (!(answer == Answer::kNone ? admit_message(operation, &message)
                                  : admit_answer(operation, &message))) {
        return true;
    }
    const std::string_view said = run.subject;
    if (answer == Answer::kElsewhere || answer == Answer::kByLeafnodes) {
        const bool is_passed = answer == Answer::kElsewhere
                                   ? pass_answer(message, server, stride, used)
                                   : pass_answer_to_leaf_servers(&message, stride, used);
        if (is_passed) on_accepted(said);
        return is_passed;
    }
    std::optional<delivery::FramePool::Loan> frame;  // backs the run where its reply is hidden
    if (!proto::ReplyOrigin::of(run.reply).empty()) [[unlikely]] {
        frame.emplace(delivery_.frames);
        hide_reply_origin(&run, &frame->text());
    }
    std::optional<delivery::FramePool::Loan> mapped;  // backs the subject where it is mapped
    if (const account::SubjectMap* mappings = mappings_of(*account); mappings != nullptr)
        [[unlikely]] {
        mapped.emplace(delivery_.frames);
        const delivery::MapResult result =
            delivery::map_subject(delivery_, *mappings, &run, &mapped->text());
        if (result == delivery::MapResult::kLost) {
            *used = run.count * stride;
            count_in(run);
            return true;
        }
        // The other server knows the groups of the first subject only.
        if (result == delivery::MapResult::kMapped && operation.queues.empty())
            message.publisher.all_queues = true;
    }
    run.is_jetstream = !run.reply.empty() && !proto::split_jetstream_reply(run.reply).ack.empty();
    const interest::MatchEntry& entry = match(*message.account, run.subject, /*hash=*/0);
    const interest::MatchResult& matched = entry.result();
    if (matched.has_services()) run.count = 1;
    if (!delivery::fit_run_to_mailboxes(delivery_, *this, matched, &run)) return false;

    const interest::MatchPin pin(entry);
    if (matched.has_services()) [[unlikely]] {
        const delivery::ServiceSource source{
            .publisher = message.publisher,
            .account = *message.account,
            .entry = entry,
            .requestor = requestor()};
        if (!delivery_.services.prepare(source, run, this)) return false;
    }
    *used = run.count * stride;
    on_accepted(said);
    count_in(run);
    if (matched.has_services()) [[unlikely]] {
        (void)delivery_.services.deliver();
    } else if (!matched.empty()) {
        (void)delivery::deliver_run(delivery_, message.publisher, *message.account, entry, run);
    }
    return true;
}

// A subject that is a mapped reply (proto/gateway_reply.h) leads to the cluster, or the server, that asked.
// Here the answer goes on under its own subject, as if a client of this server had published it.
ServerLink::Answer ServerLink::read_answer(Inbound* message, base::LinkHandle* server) {
    const delivery::GatewayTable& gateways = delivery_.gateways;
    if (!gateways.enabled() && !traits_.leads_answers_on) return Answer::kNone;
    delivery::MessageRun& run = message->run;
    const auto reply = proto::parse_gateway_reply(run.subject);
    if (!reply.has_value()) [[likely]]
        return Answer::kNone;
    if (!gateways.enabled()) return Answer::kByLeafnodes;
    if (!gateways.is_own_cluster(*reply)) {
        if (!traits_.leads_answers_on) return Answer::kNowhere;
        // Of a leafnode, to a request from another cluster; without a gateway there it goes to other hubs.
        *server = gateways.find(*reply);
        return *server == base::LinkHandle() ? Answer::kByLeafnodes : Answer::kElsewhere;
    }
    const bool is_own = reply->is_old() || reply->server == gateways.own.server();
    if (traits_.passes_answers && !is_own) {
        *server = host_.facts.route_directory.find(reply->server, message->account->name());
        if (*server != base::LinkHandle()) return Answer::kElsewhere;
    }
    run.subject = reply->reply;
    // Other clusters have no part in services of this one.
    const bool is_service = run.subject.starts_with(proto::kServiceReplyPrefix);
    message->publisher.kind = is_service ? proto::Kind::kGateway : proto::Kind::kSystem;
    message->publisher.all_queues = true;
    return Answer::kHere;
}

// To the server of this cluster that asked, which has to read the subject as it is.
bool ServerLink::pass_answer(const Inbound& message, base::LinkHandle server, size_t stride,
                             size_t* used) {
    if (!delivery::fit_record_to_mailbox(delivery_, *this, server.worker(), message.run))
        return false;
    *used = message.run.count * stride;
    count_in(message.run);
    delivery::deliver_run_to_server(delivery_, message.publisher, *message.account, server,
                                    message.run);
    return true;
}

// Subscribers here must not see the mapped subject.
bool ServerLink::pass_answer_to_leaf_servers(Inbound* message, size_t stride, size_t* used) {
    const interest::MatchEntry& entry = match(*message->account, message->run.subject, /*hash=*/0);
    if (!delivery::fit_run_to_mailboxes(delivery_, *this, entry.result(), &message->run)) return false;
    const interest::MatchPin pin(entry);
    *used = message->run.count * stride;
    count_in(message->run);
    delivery::deliver_run_to_leaf_servers(delivery_, message->publisher, *message->account, entry.result(),
                                        message->run);
    return true;
}

// Subscribers see the reply alone. One message: each request has a reply of its own.
void ServerLink::hide_reply_origin(delivery::MessageRun* run, std::string* frame) {
    const proto::ReplyOrigin origin = proto::ReplyOrigin::of(run->reply);
    delivery::MessageParts parts = delivery::parts_of(*run);
    parts.reply = run->reply.substr(proto::ReplyOrigin::kSize);
    *run = delivery::frame_message(parts, frame);
    run->reply_origin = origin;
}

// --------------------------------------------------------------------------------- going out

void ServerLink::deliver_to_server(account::Account& account, const delivery::MessageRun& run,
                                   std::string_view queues) {
    if (!open() || !may_leave(account, run.subject)) return;
    send_message({.account = account,
                  .run = run,
                  .subject = run.subject,
                  .queues = queues,
                  .reply_prefix = run.reply_origin.prefix()});
}

// The head in the link's dialect, and the tail as it came; with groups, their names come first, and the reply
// before them, so that the tail begins behind it.
void ServerLink::send_message(const Outgoing& message) {
    const delivery::MessageRun& run = message.run;
    const bool strip = run.header_size != 0 && !takes_headers_;
    // A mapped reply stands in the head, and the tail begins behind the run's own.
    const bool is_mapped = !message.reply_prefix.empty() && !run.reply.empty();
    std::string mapped;
    if (is_mapped) [[unlikely]]
        mapped.append(message.reply_prefix).append(run.reply);
    const std::string_view reply = is_mapped ? std::string_view(mapped) : run.reply;
    const proto::RouteMessageHead parts{.account = proto::names_account(limits_.dialect)
                                                       ? std::string_view(message.account.name())
                                                       : "",
                                        .subject = message.subject,
                                        .reply = reply,
                                        .queues = message.queues,
                                        .origin = message.origin,
                                        .has_headers = run.header_size != 0 && !strip,
                                        .dialect = limits_.dialect};
    const bool appends_reply = is_mapped && message.queues.empty();
    const size_t parts_size = proto::route_head_size(parts);
    const size_t head_size = parts_size + (appends_reply ? 1 + reply.size() : 0);
    delivery::LineBuffer head(head_size);
    char* head_end = proto::encode_route_head(head.data(), parts);
    assert(static_cast<size_t>(head_end - head.data()) == parts_size);
    if (appends_reply) [[unlikely]] {
        *head_end = ' ';
        std::memcpy(head_end + 1, reply.data(), reply.size());
    }
    const std::string_view text(head.data(), head_size);
    delivery::MessageRun rest = run;
    const bool has_reply_in_head = appends_reply || (!message.queues.empty() && !run.reply.empty());
    if (has_reply_in_head) {
        const size_t skipped = 1 + run.reply.size();
        assert(skipped < rest.tail_size);
        rest.tail += skipped;
        rest.tail_size -= skipped;
    }
    if (host_.log.trace_enabled()) [[unlikely]] trace_out(text, rest);
    const bool lacks_header_size = !message.origin.empty() && run.header_size == 0;
    if (strip || lacks_header_size) [[unlikely]] {
        append_reframed(text, has_reply_in_head ? std::string_view() : run.reply, run,
                        lacks_header_size);
    } else {
        outbound_.append_frames(text, rest.tails(), run.count);
    }
    count_out(run.count, strip ? run.body_size() : run.total_size);
    mark_dirty();
    if (pending_bytes() <= host_.limits().watched_bytes) [[likely]]
        return;
    if (pending_bytes() > host_.limits().max_pending_bytes) return host_.close_slow_consumer(*this);
    delivery_.stall_gate.note_backlog(*this);
}

// A server without headers gets the body alone; an LMSG has the size of headers also where there are none.
void ServerLink::append_reframed(std::string_view head, std::string_view reply,
                                 const delivery::MessageRun& run, bool with_header_size) {
    assert(run.header_size <= run.total_size);
    const std::string line = fmt::format("{}{}{} {}{}\r\n", head, reply.empty() ? "" : " ", reply,
                                         with_header_size ? "0 " : "", run.body_size());
    append_bodies(line, run, run.count);
}

}  // namespace nuring::server_link

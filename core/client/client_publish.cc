// SPDX-License-Identifier: Apache-2.0
// Client, the way in: input to operations, publishes in runs, each matched once and delivered.
#include "core/client/client.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstring>
#include <new>
#include <string>
#include <type_traits>

#include "core/base/status.h"
#include "core/delivery/deliver.h"
#include "core/delivery/map_subject.h"
#include "core/delivery/records.h"
#include "core/delivery/room.h"
#include "core/delivery/run_reader.h"
#include "core/delivery/send_record.h"
#include "fmt/format.h"
#include "proto/encode_client.h"
#include "proto/error_text.h"
#include "proto/gateway_reply.h"
#include "proto/quote.h"
#include "proto/subject.h"

namespace nuring::client {
namespace {

// Of the verbs that end a batch. A PING changes no interest, and must not wait for what others change.
bool may_change_interest(proto::ClientVerb verb) {
    return verb == proto::ClientVerb::kUnsubscribe || verb == proto::ClientVerb::kConnect;
}

}  // namespace

// Parses publishes and SUBs ahead, carries them out, then the operation that ended the batch.
size_t Client::consume(const char* begin, const char* end) {
    const char* at = begin;
    // Made one by one, as they are needed: most input is an operation or two.
    alignas(Parsed) std::array<std::byte, kAheadMax * sizeof(Parsed)> memory;
    auto* const batch = reinterpret_cast<Parsed*>(memory.data());
    static_assert(std::is_trivially_destructible_v<Parsed>);
    tracing_ = host_.log.trace_enabled();
    const account::SubjectMap& mappings = account_->exchange().mappings;
    mappings_ = mappings.empty() ? nullptr : &mappings;
    size_t scanned = take_scanned_bytes();
    while (at < end && open() && !paused()) {
        if (!admitted_ && !admit_anonymous(*at)) break;
        if (tracing_ && delivery_.log_gate.pause_until_logged(*this)) [[unlikely]]
            break;
        const Ahead ahead = parse_ahead(at, end, std::exchange(scanned, 0), batch);
        if (ahead.count > 1) look_ahead({batch, ahead.count});
        if (!perform_ahead({batch, ahead.count}, &at)) break;
        if (ahead.status == proto::ParseStatus::kOperation && !ahead.has_other_verb) continue;
        const proto::ClientOperation& last = batch[ahead.count].operation;
        if (ahead.status == proto::ParseStatus::kNeedMore) {
            if (last.needed_bytes == 0 || !refuses_headers(last))
                need(last.needed_bytes, last.scanned_bytes);
            break;
        }
        if (ahead.status != proto::ParseStatus::kOperation) {
            refuse(ahead.status, last, at, end);
            break;
        }
        if (may_change_interest(last.verb) && !may_announce(last)) break;
        perform(last);
        at += last.consumed;
    }
    if (std::exchange(move_due_, false)) [[unlikely]]
        (void)move(move_to_);
    return static_cast<size_t>(at - begin);
}

// A run of more than one message ends the batch, and so does one that is not canonical: each of its messages
// is found anew.
Client::Ahead Client::parse_ahead(const char* at, const char* end, size_t scanned, Parsed* batch) {
    Ahead ahead;
    while (at < end && ahead.count < kAheadMax) {
        Parsed& next = *new (&batch[ahead.count]) Parsed;
        ahead.status = proto::parse_client(at, end, parse_limits_, &next.operation, scanned);
        scanned = 0;
        if (ahead.status != proto::ParseStatus::kOperation) break;
        if (next.is_publish()) {
            find_run(at, end, &next);
        } else if (next.operation.verb != proto::ClientVerb::kSubscribe) {
            ahead.has_other_verb = true;
            break;
        }
        at += next.consumed_bytes();
        ++ahead.count;
        if (next.is_publish() && (next.run.count > 1 || !next.operation.canonical)) break;
    }
    return ahead;
}

bool Client::perform_ahead(std::span<Parsed> batch, const char** at) {
    for (Parsed& each : batch) {
        if (each.is_publish()) {
            if (!publish(each)) return false;
        } else {
            if (!may_announce(each.operation)) [[unlikely]]
                return false;
            perform(each.operation);
        }
        *at += each.consumed_bytes();
        // Asked first, also where the client was closed: a backlog is not for the next publisher.
        const bool stalls = each.is_publish() && delivery_.stall_gate.rests_after_message(*this);
        if (!open() || stalls) [[unlikely]]
            return false;
        if (each.is_publish() && delivery_.interest_gate.rests_after_message(*this)) [[unlikely]]
            return false;
    }
    return true;
}

// False: the link was paused, and consumes the same input later.
bool Client::may_announce(const proto::ClientOperation& operation) {
    return delivery_.interest_gate.admits(*this, delivery::InterestGate::kClientCost) &&
           delivery_.make_room_to_announce(*this, operation.consumed);
}

void Client::look_ahead(std::span<Parsed> batch) {
    interest::Sublist& sublist = account_->sublist();
    for (Parsed& each : batch) {
        each.hash = sublist.hash(each.operation.subject);
        if (each.is_publish()) {
            delivery_.cache.prefetch(sublist, each.hash);
        } else {
            sublist.prefetch(each.hash);
        }
    }
    for (const Parsed& each : batch) {
        if (each.is_publish()) delivery_.cache.prefetch_miss(sublist, each.hash);
    }
}

bool Client::publish(Parsed& publish) {
    const proto::ClientOperation& operation = publish.operation;
    if (tracing_) [[unlikely]]
        trace_in(operation);
    if (refuses_headers(operation)) [[unlikely]]
        return true;
    if (operation.subject.size() + operation.reply.size() > delivery::kNamesSizeMax) [[unlikely]] {
        refuse_long_line();
        return true;
    }
    if (!operation.canonical || mappings_ != nullptr) [[unlikely]]
        return publish_rewritten(publish);
    return publish_run(publish);
}

// Rewritten subjects and frames belong to this call until all subscribers have them, whatever deliveries
// cause.
bool Client::publish_rewritten(Parsed& publish) {
    delivery::MessageRun& run = publish.run;
    delivery::FramePool::Loan frame(delivery_.frames);
    delivery::FramePool::Loan mapped(delivery_.frames);
    // Odd but legal input (extra blanks, bare line feeds, ...).
    if (!publish.operation.canonical) {
        run = delivery::frame_message(delivery::parts_of(publish.operation), &frame.text());
    }
    if (mappings_ != nullptr && !map_subject(&publish, &mapped.text())) {
        drop_mapped(publish);
        return true;
    }
    return publish_run(publish);
}

// A message that its mapping drops: it counts as published, but has no subscribers.
void Client::drop_mapped(const Parsed& publish) {
    if (const Permit permit = permit_of(publish); permit != Permit::kGranted) {
        count_in(publish.run);
        return refuse_publish(publish, permit);
    }
    begin_publish(publish, nullptr);
    if (connect_.no_responders && !publish.run.reply.empty()) send_no_responders(publish.run);
}

// True for most messages: nothing in them can be refused.
[[gnu::always_inline]] inline bool Client::needs_no_permit(const Parsed& publish) const {
    return permissions_ == nullptr && publish.operation.canonical &&
           !proto::may_have_reserved_prefix(publish.run.subject) &&
           !proto::may_have_reserved_prefix(publish.operation.reply);
}

// Permission comes before match and room: a denied message must not cost them. The common way is one
// function, with the calls in it inlined: a message that is a run of its own pays for each call.
bool Client::publish_run(Parsed& publish) {
    delivery::MessageRun& run = publish.run;
    const Permit permit = needs_no_permit(publish) ? Permit::kGranted : permit_of(publish);
    if (permit != Permit::kGranted) [[unlikely]] {
        count_in(publish.run);
        refuse_publish(publish, permit);
        return true;
    }
    if (tracked_replies_ != nullptr) [[unlikely]]
        report_tracked(run.subject);
    if (reply_origins_ != nullptr) [[unlikely]] {
        const proto::ReplyOrigin* found = reply_origins_->find(run.subject, host_.ring.now_ns());
        if (found != nullptr) {
            const proto::ReplyOrigin origin = *found;  // the delivery may note others
            return answer_gateway(publish, origin);
        }
    }
    return publish_matched(publish);
}

[[gnu::always_inline]] inline bool Client::publish_matched(Parsed& publish) {
    delivery::MessageRun& run = publish.run;
    const interest::MatchEntry& entry = match(*account_, run.subject, publish.hash);
    const interest::MatchResult& matched = entry.result();
    if (matched.has_services()) [[unlikely]]
        return publish_to_services(publish, entry);
    if (matched.is_lone_remote()) return publish_to_lone(publish, entry);
    if (!delivery::fit_run_to_mailboxes(delivery_, *this, matched, &run)) return false;

    if (clients_.limits().follow_subscribers) [[unlikely]]
        watch_audience(matched, run.count);

    const interest::MatchPin pin(entry);
    begin_publish(publish, &entry);
    if (!matched.empty()) {
        const delivery::Publisher publisher{.link = handle(), .echo = connect_.echo};
        if (delivery::deliver_run(delivery_, publisher, *account_, entry, run)) return true;
    }
    if (connect_.no_responders && !run.reply.empty()) send_no_responders(run);
    return true;
}

// The run has its final length, and will be delivered: it is counted and, if verbose, answered.
[[gnu::always_inline]] inline void Client::begin_publish(const Parsed& publish,
                                                         const interest::MatchEntry* entry) {
    const delivery::MessageRun& run = publish.run;
    count_in(publish.run);
    if (entry != nullptr && clients_.heavy_hitters.due(run.count)) [[unlikely]] {
        note_heavy(*entry, run.total_size);
    }
    if (responses_ != nullptr) [[unlikely]]
        use_response(run.subject);
    check_literal(publish.operation.subject);
    if (connect_.verbose) send_ok();
}

// To one subscription of another worker, and nobody else.
bool Client::publish_to_lone(Parsed& publish, const interest::MatchEntry& entry) {
    delivery::LoneRecord record(delivery_, entry.result(), &publish.run);
    if (!record.has_room()) [[unlikely]] {
        record.pause_until_room(*this);
        return false;
    }
    if (clients_.limits().follow_subscribers) [[unlikely]]
        watch_target(record.to(), publish.run.count);
    begin_publish(publish, &entry);
    record.send({.link = handle(), .echo = connect_.echo}, *account_, publish.run);
    return true;
}

// The answer to a request from another cluster goes back there, and nowhere else; that cluster passes it on
// to others that want it.
bool Client::answer_gateway(Parsed& publish, const proto::ReplyOrigin& origin) {
    delivery::FramePool::Loan mapped(delivery_.frames);
    mapped.text().assign(origin.prefix()).append(publish.run.subject);
    delivery::MessageRun run = publish.run;
    run.subject = mapped.text();
    const auto reply = proto::parse_gateway_reply(run.subject);
    assert(reply.has_value());
    const base::LinkHandle server = delivery_.gateways.find(*reply);
    if (server == base::LinkHandle()) return answer_hubs(publish, run);
    if (!delivery::fit_record_to_mailbox(delivery_, *this, server.worker(), run)) return false;
    begin_publish(publish, nullptr);
    const delivery::Publisher publisher{.link = handle(), .echo = connect_.echo};
    delivery::deliver_run_to_server(delivery_, publisher, *account_, server, run);
    return true;
}

// A leafnode that has no gateway to that cluster leaves the answer to its hubs, which ask for `_GR_.>`.
bool Client::answer_hubs(Parsed& publish, delivery::MessageRun run) {
    const interest::MatchEntry& entry = match(*account_, run.subject, /*hash=*/0);
    const interest::MatchResult& matched = entry.result();
    if (!delivery::has_leaf_servers(matched)) return publish_matched(publish);
    if (!delivery::fit_run_to_mailboxes(delivery_, *this, matched, &run)) return false;
    publish.run.count = run.count;
    const interest::MatchPin pin(entry);
    begin_publish(publish, nullptr);
    const delivery::Publisher publisher{.link = handle(), .echo = connect_.echo};
    delivery::deliver_run_to_leaf_servers(delivery_, publisher, *account_, matched, run);
    return true;
}

void Client::note_heavy(const interest::MatchEntry& entry, uint32_t bytes_each) {
    clients_.heavy_hitters.note({.account = account_,
                                 .subject = entry.subject(),
                                 .subject_hash = entry.hash(),
                                 .cid = cid(),
                                 .link = handle(),
                                 .bytes_each = bytes_each},
                                host_.ring.now_ns());
}

// Message by message: each request has a reply subject of its own.
bool Client::publish_to_services(Parsed& publish, const interest::MatchEntry& entry) {
    delivery::MessageRun& run = publish.run;
    run.count = 1;
    const interest::MatchPin pin(entry);
    if (!delivery::fit_run_to_mailboxes(delivery_, *this, entry.result(), &run)) return false;
    const delivery::Publisher publisher{.link = handle(), .echo = connect_.echo};
    const delivery::ServiceSource source{
        .publisher = publisher, .account = *account_, .entry = entry, .requestor = this};
    delivery::Services& services = delivery_.services;
    if (!services.prepare(source, run, this)) return false;

    begin_publish(publish, &entry);
    if (services.deliver()) return true;
    if (connect_.no_responders && !run.reply.empty()) send_no_responders(run);
    return true;
}

// The account's mappings, before anything else is asked about the subject. False: the weights have
// chosen to lose the message (or its subject became too long).
bool Client::map_subject(Parsed* publish, std::string* mapped) {
    delivery::MessageRun& run = publish->run;
    const std::string_view source = run.subject;
    switch (delivery::map_subject(delivery_, *mappings_, &run, mapped)) {
        case delivery::MapResult::kUnmapped:
            return true;
        case delivery::MapResult::kLost:
            return false;
        case delivery::MapResult::kMapped:
            break;
    }
    if (tracing_) host_.log.trace("{} - <<- [MAPPING {} -> {}]", label(), source, run.subject);
    publish->hash = 0;  // was that of the old subject
    return true;
}

// An HPUB of a client that did not ask for headers ends it, as soon as its control line is there.
bool Client::refuses_headers(const proto::ClientOperation& operation) {
    if (operation.verb != proto::ClientVerb::kHeaderPublish || connect_.headers) return false;
    host_.log.error("{} - message headers not supported", label());
    close(link::CloseReason::kProtocolViolation);
    return true;
}

// A pedantic client gets an error; the message is published all the same.
void Client::check_literal(std::string_view subject) {
    if (connect_.pedantic && !proto::is_valid_literal_subject(subject)) {
        send_error(proto::kErrInvalidPublishSubject);
    }
}

// In the order of the reference's checks: the subject as mapped, then the reply. Changes nothing, since a
// publish that finds no room is asked about again.
Client::Permit Client::permit_of(const Parsed& publish) {
    const std::string_view subject = publish.run.subject;
    const std::string_view reply = publish.operation.reply;
    const bool may_be_reserved =
        proto::may_have_reserved_prefix(subject) || proto::may_have_reserved_prefix(reply);
    if (may_be_reserved && is_reserved(subject)) [[unlikely]]
        return Permit::kSubjectDenied;
    const bool may_break_lines = !publish.operation.canonical;
    if (may_break_lines && breaks_lines(publish.operation.subject)) [[unlikely]]
        return Permit::kSubjectDenied;
    if (permissions_ != nullptr && !permits_publish(subject)) [[unlikely]]
        return Permit::kSubjectDenied;
    if (may_be_reserved && proto::is_old_gateway_reply(subject) && !permits_answer(subject)) [[unlikely]]
        return Permit::kSubjectDenied;
    if (may_be_reserved && (proto::is_reserved_reply(reply) || is_foreign_reply(reply))) [[unlikely]]
        return Permit::kReplyDenied;
    if (may_break_lines && breaks_lines(reply)) [[unlikely]]
        return Permit::kReplyDenied;
    return Permit::kGranted;
}

// Other servers would read two words, or two lines. Where there are none, it passes, as in the reference.
bool Client::breaks_lines(std::string_view name) const {
    return clients_.limits().links_servers && name.find_first_of("\r\n") != std::string_view::npos;
}

// Another server strips the prefix, and publishes what stands behind it.
bool Client::permits_answer(std::string_view subject) {
    const std::string_view answer = proto::without_gateway_prefix(subject);
    if (is_reserved(answer) || proto::is_old_gateway_reply(answer)) return false;
    return permissions_ == nullptr || permits_publish(answer) || has_response(subject);
}

// A subject where servers alone speak.
bool Client::is_reserved(std::string_view subject) const {
    return proto::is_gateway_reply(subject) || is_foreign_reply(subject) ||
           (proto::is_jetstream_group(subject) && !delivery_.accounts.is_system(*account_));
}

// Nobody answers to the old form where no other server asks.
bool Client::is_foreign_reply(std::string_view subject) const {
    return !clients_.limits().links_servers && proto::is_old_gateway_reply(subject);
}

// Each message of the run is refused by itself.
void Client::refuse_publish(const Parsed& publish, Permit permit) {
    assert(permit != Permit::kGranted);
    const bool by_subject = permit == Permit::kSubjectDenied;
    const std::string quoted =
        proto::quote(by_subject ? publish.run.subject : publish.operation.reply);
    check_literal(publish.operation.subject);
    for (uint32_t i = 0; i < publish.run.count && open(); ++i) {
        if (by_subject) {
            report_publish_violation("Subject", quoted, proto::kErrPublishViolation);
        } else {
            report_publish_violation("Reply", quoted, proto::kErrReplyViolation);
        }
    }
}

bool Client::permits_publish(std::string_view subject) {
    auth::PermissionCache::Answer answer = publishable_.find(subject);
    if (answer == auth::PermissionCache::Answer::kUnknown) [[unlikely]] {
        const bool may = permissions_->may_publish(subject);
        publishable_.remember(subject, may);
        answer = may ? auth::PermissionCache::Answer::kYes : auth::PermissionCache::Answer::kNo;
    }
    return answer == auth::PermissionCache::Answer::kYes || has_response(subject);
}

// allow_responses: is it the answer to a request that this client has got?
bool Client::has_response(std::string_view subject) {
    return responses_ != nullptr && responses_->admits(subject, host_.ring.now_ns());
}

// One answer less, unless the subject is permitted anyway.
void Client::use_response(std::string_view subject) {
    if (publishable_.find(subject) == auth::PermissionCache::Answer::kYes) return;
    responses_->use(subject, host_.ring.now_ns());
}

void Client::report_publish_violation(std::string_view part, std::string_view quoted,
                                      std::string_view error) {
    host_.log.error("{} - Publish Violation - {}, {} {}", label(), who(), part, quoted);
    send_error(fmt::format("{}{}", error, quoted));
}

// Each message that follows with the same control line joins the run. Not in verbose and pedantic mode,
// where each is answered by itself, nor when each is traced, nor where responses are counted: a request that
// was parsed before the run may allow the first of its messages only.
void Client::find_run(const char* begin, const char* end, Parsed* publish) const {
    assert(publish->hash == 0);
    const proto::ClientOperation& operation = publish->operation;
    delivery::begin_run(operation, &publish->run);
    if (!operation.canonical) [[unlikely]]
        return;
    if (connect_.verbose || connect_.pedantic || tracing_) return;
    if (permissions_ != nullptr && permissions_->responses().has_value()) return;
    delivery::extend_run(begin, end, operation.line_size, host_.limits().flow.run_bytes, &publish->run);
}

// Requests without responders: for each the requestor gets a 503 on its own inbox, if it has subscribed to
// it. This is no message: it does not count, nor towards an automatic UNSUB (server/client.go 2.9.10).
void Client::send_no_responders(const delivery::MessageRun& run) {
    for (interest::Subscription* subscription :
         delivery_.cache.find(account_->sublist(), run.reply).result().local()) {
        if (subscription->link() != handle()) continue;
        const proto::NoResponders answer{.reply = run.reply, .sid = subscription->sid()};
        std::string frame(proto::no_responders_frame_size(answer), '\0');
        proto::encode_no_responders(frame.data(), answer);
        for (uint32_t i = 0; i < run.count; ++i) queue(frame);
        return;
    }
}

}  // namespace nuring::client

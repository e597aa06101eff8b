// SPDX-License-Identifier: Apache-2.0
// Client, the way in: input to operations, publishes in runs, each matched once and delivered.
#include "core/link/client.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <new>
#include <string>
#include <type_traits>

#include "core/base/block_copy.h"
#include "core/base/status.h"
#include "core/link/delivery.h"
#include "fmt/format.h"
#include "proto/encode_client.h"
#include "proto/error_text.h"
#include "proto/quote.h"
#include "proto/subject.h"

namespace nuring::link {
namespace {

// Input that one run may cover: enough to share its fixed costs, little enough to stay in the first
// cache level while it is copied.
constexpr size_t kRunBytesMax = 32 * 1024;

}  // namespace

// Parses up to kAheadMax publishes and SUBs, carries them out, then whatever ended the batch.
size_t Client::consume(const char* begin, const char* end) {
    const char* at = begin;
    // Made one by one, as they are needed: most input is an operation or two.
    alignas(Parsed) std::array<std::byte, kAheadMax * sizeof(Parsed)> memory;
    auto* const batch = reinterpret_cast<Parsed*>(memory.data());
    static_assert(std::is_trivially_destructible_v<Parsed>);
    tracing_ = links_.log.trace_enabled();
    const account::SubjectMap& mappings = account_->exchange().mappings;
    mappings_ = mappings.empty() ? nullptr : &mappings;
    size_t scanned = take_scanned_bytes();
    while (at < end && open() && !paused()) {
        if (!admitted_ && !admit_anonymous(*at)) break;
        if (tracing_ && links_.pause_until_logged(*this)) [[unlikely]] break;
        size_t count = 0;
        const char* parsed = at;
        proto::ParseStatus status = proto::ParseStatus::kOperation;
        bool another_verb = false;
        while (parsed < end && count < kAheadMax) {
            Parsed& next = *new (&batch[count]) Parsed;
            status = proto::parse_client(parsed, end, parse_limits_, &next.operation, scanned);
            scanned = 0;
            if (status != proto::ParseStatus::kOperation) break;
            if (next.is_publish()) {
                find_run(parsed, end, &next);
            } else if (next.operation.verb == proto::ClientVerb::kSubscribe) {
                next.size = next.operation.consumed;
            } else {
                another_verb = true;
                break;
            }
            parsed += next.size;
            ++count;
            if (next.is_publish() && (next.run.count > 1 || !next.operation.canonical)) break;
        }
        if (count > 1) look_ahead({batch, count});
        for (size_t i = 0; i < count; ++i) {
            if (!batch[i].is_publish()) {
                if (!links_.make_room_to_announce(*this, batch[i].size)) [[unlikely]] {
                    return static_cast<size_t>(at - begin);
                }
                perform(batch[i].operation);
            } else if (!publish(batch[i])) {
                return static_cast<size_t>(at - begin);
            }
            at += batch[i].size;
            if (!open()) return static_cast<size_t>(at - begin);
        }
        if (count < kAheadMax && status != proto::ParseStatus::kOperation) {
            const proto::ClientOperation& operation = batch[count].operation;
            if (status == proto::ParseStatus::kNeedMore) {
                if (operation.needed_bytes != 0 && refuses_headers(operation)) break;
                need(operation.needed_bytes, operation.scanned_bytes);
            } else {
                refuse(status, operation, at, end);
            }
            break;
        }
        if (another_verb) {
            if (!links_.make_room_to_announce(*this, batch[count].operation.consumed)) break;
            perform(batch[count].operation);
            at += batch[count].operation.consumed;
        }
    }
    return static_cast<size_t>(at - begin);
}

void Client::look_ahead(std::span<Parsed> batch) {
    interest::Sublist& sublist = account_->sublist();
    for (Parsed& each : batch) {
        each.hash = sublist.hash(each.operation.subject);
        if (each.is_publish()) {
            links_.cache.prefetch(sublist, each.hash);
        } else {
            sublist.prefetch(each.hash);
        }
    }
    for (const Parsed& each : batch) {
        if (each.is_publish()) links_.cache.prefetch_miss(sublist, each.hash);
    }
}

bool Client::publish(Parsed& publish) {
    const proto::ClientOperation& operation = publish.operation;
    MessageRun& run = publish.run;
    if (tracing_) [[unlikely]] trace_in(operation);
    if (refuses_headers(operation)) [[unlikely]] return true;
    if (operation.subject.size() + operation.reply.size() > kNamesSizeMax) [[unlikely]] {
        refuse_control_line();
        return true;
    }
    if (!operation.canonical) [[unlikely]] normalise_tail(operation, &run);
    if (mappings_ != nullptr && !map_subject(&publish)) [[unlikely]] {
        count_in(&publish);
        if (may_publish(publish) && connect_.no_responders && !run.reply.empty()) {
            send_no_responders(run.reply);
        }
        return true;
    }
    const interest::MatchEntry& entry = match(publish);
    const interest::MatchResult& matched = entry.result();
    if (matched.has_services()) [[unlikely]] return publish_to_services(publish, entry);
    if (!make_room(links_, *this, matched, &run)) return false;

    count_in(&publish);  // make_room() may have cut the run
    if (links_.heavy_hitters.due(run.count)) [[unlikely]] note_heavy(entry, run.total_size);
    if (!may_publish(publish)) return true;

    if (!matched.empty()) {
        const interest::MatchPin pin(entry);
        const Publisher publisher{.link = handle(), .echo = connect_.echo};
        if (deliver_run(links_, publisher, *account_, matched, run)) return true;
    }
    if (connect_.no_responders && !run.reply.empty()) send_no_responders(run.reply);
    return true;
}

void Client::note_heavy(const interest::MatchEntry& entry, uint32_t bytes_each) {
    links_.heavy_hitters.note({.account = account_,
                               .subject = entry.subject(),
                               .subject_hash = entry.hash(),
                               .cid = cid(),
                               .link = handle(),
                               .bytes_each = bytes_each},
                              links_.ring.now_ns());
}

// Message by message: each request has a reply subject of its own.
bool Client::publish_to_services(Parsed& publish, const interest::MatchEntry& entry) {
    MessageRun& run = publish.run;
    run.count = 1;
    const interest::MatchPin pin(entry);
    if (!make_room(links_, *this, entry.result(), &run)) return false;
    const Publisher publisher{.link = handle(), .echo = connect_.echo};
    const ServiceSource source{
        .publisher = publisher, .account = *account_, .entry = entry, .requestor = this};
    Services& services = links_.services;
    if (!services.prepare(source, run, this)) return false;

    count_in(&publish);
    if (links_.heavy_hitters.due(run.count)) [[unlikely]] note_heavy(entry, run.total_size);
    if (!may_publish(publish)) {
        services.cancel();
        return true;
    }
    if (services.deliver()) return true;
    if (connect_.no_responders && !run.reply.empty()) send_no_responders(run.reply);
    return true;
}

void Client::count_in(Parsed* publish) {
    const MessageRun& run = publish->run;
    last_activity_ns_ = links_.ring.now_ns();
    const uint64_t bytes = uint64_t{run.count} * run.total_size;
    traffic_.in_messages += run.count;
    traffic_.in_bytes += bytes;
    links_.counters.in_messages += run.count;
    links_.counters.in_bytes += bytes;
    publish->size = run.count * publish->operation.consumed;
}

// The account's mappings, before anything else is asked about the subject. False: the weights have
// chosen to lose the message (or its subject became too long).
bool Client::map_subject(Parsed* publish) {
    MessageRun& run = publish->run;
    const account::SubjectMap::Mapping* mapping = mappings_->find(run.subject);
    if (mapping == nullptr) return true;
    if (mapping->is_random()) run.count = 1;
    const proto::SubjectTransform* transform = mapping->pick(links_.prng);
    std::string& mapped = links_.mapped_subject;
    if (transform == nullptr || !transform->apply(run.subject, &mapped)) return false;
    if (mapped.size() + run.reply.size() > kNamesSizeMax) return false;
    if (tracing_) links_.log.trace("{} - <<- [MAPPING {} -> {}]", label(), run.subject, mapped);
    run.subject = mapped;
    publish->hash = 0;  // was that of the old subject
    return true;
}

// An HPUB of a client that did not ask for headers ends it, as soon as its control line is there.
bool Client::refuses_headers(const proto::ClientOperation& operation) {
    if (operation.verb != proto::ClientVerb::kHeaderPublish || connect_.headers) return false;
    links_.log.error("{} - message headers not supported", label());
    close(CloseReason::kProtocolViolation);
    return true;
}

// Pedantic clients hear of it; the message goes out all the same.
void Client::check_literal(std::string_view subject) {
    if (connect_.pedantic && !proto::is_valid_literal_subject(subject)) {
        send_error(proto::kErrInvalidPublishSubject);
    }
}

// What must be said before the messages go out, for each of them, in the order of the reference's checks: of
// the subject as the client wrote it (pedantic), as mapped (permissions), of the reply. False: they do not.
bool Client::may_publish(const Parsed& publish) {
    const proto::ClientOperation& operation = publish.operation;
    const std::string_view subject = publish.run.subject;
    uint32_t count = publish.run.count;
    check_literal(operation.subject);
    const bool permitted = !proto::is_gateway_reply(subject) &&
                           (permissions_ == nullptr || permits_publish(subject));
    if (!permitted) [[unlikely]] {
        const std::string quoted = proto::quote(subject);
        while (count-- > 0) report_publish_violation("Subject", quoted, proto::kErrPublishViolation);
        return false;
    }
    if (proto::is_reserved_reply(operation.reply)) [[unlikely]] {
        const std::string reply = proto::quote(operation.reply);
        while (count-- > 0) report_publish_violation("Reply", reply, proto::kErrReplyViolation);
        return false;
    }
    if (connect_.verbose) send_ok();
    return true;
}

bool Client::permits_publish(std::string_view subject) {
    auth::PermissionCache::Answer answer = publishable_.find(subject);
    if (answer == auth::PermissionCache::Answer::kUnknown) [[unlikely]] {
        const bool may = permissions_->may_publish(subject);
        publishable_.remember(subject, may);
        answer = may ? auth::PermissionCache::Answer::kYes : auth::PermissionCache::Answer::kNo;
    }
    if (answer == auth::PermissionCache::Answer::kYes) return true;
    if (responses_ == nullptr) return false;
    const auto found = responses_->find(base::absl_view(subject));
    if (found == responses_->end()) return false;
    const bool valid = links_.ring.now_ns() < found->second.expires_ns && found->second.left > 0;
    if (!valid || --found->second.left == 0) responses_->erase(found);
    return valid;
}

void Client::report_publish_violation(std::string_view part, std::string_view quoted,
                                      std::string_view error) {
    links_.log.error("{} - Publish Violation - {}, {} {}", label(), who(), part, quoted);
    send_error(fmt::format("{}{}", error, quoted));
}

// Most publishers stay with one subject: its match is kept, and valid while nothing changes.
const interest::MatchEntry& Client::match(const Parsed& publish) {
    const std::string_view subject = publish.run.subject;
    if (memo_.may_be_of(publish.hash) && memo_.current() && memo_.entry().is_of(subject)) {
        return memo_.entry();
    }
    interest::Sublist& sublist = account_->sublist();
    const uint64_t hash = publish.hash != 0 ? publish.hash : sublist.hash(subject);
    const interest::MatchEntry& entry = links_.cache.find(sublist, subject, hash);
    memo_ = interest::MatchMemo(entry);
    return entry;
}

// Each message that follows with the same control line joins the run. Not in verbose and pedantic mode,
// where each is answered by itself, nor when each is traced, nor where responses are counted.
void Client::find_run(const char* begin, const char* end, Parsed* publish) const {
    const proto::ClientOperation& operation = publish->operation;
    const size_t stride = operation.consumed;
    MessageRun& run = publish->run;
    run.subject = operation.subject;
    run.reply = operation.reply;
    run.header_size = operation.header_size;
    run.total_size = operation.total_size;
    run.count = 1;
    run.stride = stride;
    publish->hash = 0;
    publish->size = stride;
    if (!operation.canonical) [[unlikely]] return;
    const std::string_view tail = operation.frame_tail();
    run.tail = tail.data();
    run.tail_size = tail.size();
    if (connect_.verbose || connect_.pedantic || tracing_ || responses_ != nullptr) return;
    const char* next = begin + stride;
    end = std::min(end, begin + std::max(kRunBytesMax, stride));
    while (static_cast<size_t>(end - next) >= stride && next[stride - 1] == '\n' &&
           next[stride - 2] == '\r' && base::block_equal(begin, next, operation.line_size)) {
        next += stride;
        ++run.count;
    }
    publish->size = run.count * stride;
}

// Odd but legal input (extra blanks, bare line feeds, ...): the tail is written anew.
void Client::normalise_tail(const proto::ClientOperation& operation, MessageRun* run) {
    const std::string_view payload(operation.payload, operation.total_size);
    *run = frame_message({.subject = operation.subject,
                          .reply = operation.reply,
                          .headers = payload.substr(0, operation.header_size),
                          .body = payload.substr(operation.header_size)},
                         &links_.scratch);
}

// Nobody took a request: the requestor hears it on its own inbox, if it listens there. It is no message: it
// does not count, nor towards an automatic UNSUB (server/client.go 2.9.10).
void Client::send_no_responders(std::string_view reply) {
    for (interest::Subscription* subscription :
         links_.cache.find(account_->sublist(), reply).result().local()) {
        if (subscription->link() != handle()) continue;
        const proto::NoResponders answer{.reply = reply, .sid = subscription->sid()};
        std::string frame(proto::no_responders_frame_size(answer), '\0');
        proto::encode_no_responders(frame.data(), answer);
        return queue(frame);
    }
}

}  // namespace nuring::link

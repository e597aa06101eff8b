// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/services.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/delivery/deliver.h"
#include "core/delivery/delivery.h"
#include "core/delivery/records.h"
#include "core/delivery/room.h"
#include "core/link/link.h"
#include "fmt/format.h"
#include "proto/encode_client.h"
#include "proto/gateway_reply.h"
#include "proto/headers.h"
#include "proto/request_info.h"

namespace nuring::delivery {
namespace {

// A frame may grow by this much: reply subject, header, decimal sizes.
constexpr size_t kFrameGrowthMax = 512;

// Frames above this are given back at once.
constexpr size_t kKeptFrameBytesMax = 64 * 1024;

bool has_receiver(const interest::MatchResult& match) {
    return !match.empty() || match.has_services();
}

}  // namespace

// One account that the message comes to.
struct Services::Leg {
    account::Account* account = nullptr;
    Leg* parent = nullptr;  // null: the message's own account
    const account::ServiceImport* import = nullptr;  // that led here; null: a reply's route did
    ReplyTable::Slot route = ReplyTable::kNone;      // that led here, or that this leg has opened
    std::optional<base::WorkerId> route_owner;       // the reply's route is known there: the way ends
    std::string subject;
    const interest::MatchEntry* entry = nullptr;
    std::optional<interest::MatchPin> pin;
    std::string frame;  // backs `message` where it is not the parent's
    MessageRun message;
    bool is_taken = false;  // here or further on
};

Services::Services(Delivery& delivery)
    : delivery_(delivery), replies_(delivery.host.id), secrets_(delivery.host.ring) {}
Services::~Services() = default;

// ------------------------------------------------------------------------- finding the ways

Services::Leg& Services::add_leg(account::Account& account, Leg* parent) {
    if (leg_count_ == legs_.size()) legs_.push_back(std::make_unique<Leg>());
    Leg& leg = *legs_[leg_count_++];
    leg.account = &account;
    leg.parent = parent;
    leg.import = nullptr;
    leg.route = ReplyTable::kNone;
    leg.route_owner.reset();
    leg.entry = nullptr;
    leg.is_taken = false;
    return leg;
}

bool Services::prepare(const ServiceSource& source, const MessageRun& message, link::Link* link) {
    assert(leg_count_ == 0);
    assert(message.count == 1);
    publisher_ = source.publisher;
    requestor_ = source.requestor;
    Leg& root = add_leg(source.account, nullptr);
    root.subject = message.subject;
    root.message = message;
    root.entry = &source.entry;
    root.pin.emplace(source.entry);
    follow_from(0);
    if (link == nullptr || has_room(*link)) return true;
    end();
    return false;
}

void Services::follow_from(size_t first) {
    for (size_t i = first; i < leg_count_; ++i) {  // grows meanwhile
        Leg& leg = *legs_[i];
        if (leg.entry == nullptr) continue;
        for (const interest::Subscription* service : leg.entry->result().services()) {
            if (leg_count_ == kLegsMax) break;
            follow(leg, *service);
        }
    }
}

void Services::follow(Leg& leg, const interest::Subscription& service) {
    const account::ServiceImport* import = account::ServiceImport::of(service);
    if (import == nullptr) return follow_reply(leg);
    // The other server has already applied its imports; only answers may return through here.
    if (!interest::may_forward(publisher_.kind, proto::Kind::kAccount)) return;
    if (!is_followed(leg, *import)) follow_import(leg, *import);
}

// Has this way come through the same export before?
bool Services::is_followed(const Leg& leg, const account::ServiceImport& import) const {
    for (const Leg* at = &leg; at != nullptr; at = at->parent) {
        if (at->import == nullptr || &at->import->exporter() != &import.exporter()) continue;
        if (at->import->exported().subject == import.exported().subject) return true;
    }
    return false;
}

void Services::follow_import(Leg& leg, const account::ServiceImport& import) {
    Leg& next = add_leg(import.exporter(), &leg);
    next.import = &import;
    if (!import.to_remote(leg.subject, &next.subject) || !arrive(next)) --leg_count_;
}

void Services::follow_reply(Leg& leg) {
    const auto owner = ReplyTable::worker_of(leg.subject);
    if (!owner.has_value() || index_of(*owner) >= delivery_.outlets.worker_count()) return;
    if (*owner != delivery_.host.id) {
        Leg& next = add_leg(*leg.account, &leg);
        next.subject = leg.subject;
        next.route_owner = owner;
        return;
    }
    const auto slot = replies_.find(leg.subject, *leg.account, delivery_.host.ring.now_ns());
    if (slot == ReplyTable::kNone) return;
    const ReplyRoute route = replies_.at(slot);
    Leg& next = add_leg(*route.requestor, &leg);
    next.route = slot;
    next.subject = route.reply;
    if (arrive(next)) return;
    --leg_count_;
    replies_.remove(slot);
}

bool Services::arrive(Leg& leg) {
    const account::SubjectMap& mappings = leg.account->exchange().mappings;
    if (!mappings.empty()) {
        if (const auto* mapping = mappings.find(leg.subject)) {
            const proto::SubjectTransform* transform = mapping->pick(delivery_.prng);
            std::string mapped;
            if (transform == nullptr) return false;
            if (!transform->apply(leg.subject, &mapped, delivery_.prng.next())) {
                delivery_.count_oversized(1);
                return false;
            }
            leg.subject.swap(mapped);
        }
    }
    // With the longest reply subject that it may get here.
    if (leg.subject.size() + ReplyTable::kSubjectSizeMax > kNamesSizeMax) {
        delivery_.count_oversized(1);
        return false;
    }
    leg.entry = &delivery_.cache.find(leg.account->sublist(), leg.subject);
    leg.pin.emplace(*leg.entry);
    return true;
}

// Asked for each leg by itself: what two of them need on one worker may spill.
bool Services::has_room(link::Link& link) {
    for (size_t i = 1; i < leg_count_; ++i) {
        const Leg& leg = *legs_[i];
        MessageRun sizes = legs_[0]->message;
        sizes.subject = leg.subject;
        sizes.tail_size += kFrameGrowthMax;
        sizes.stride = sizes.tail_size;
        if (leg.route_owner.has_value()) {
            if (fit_record_to_mailbox(delivery_, link, *leg.route_owner, sizes)) continue;
            return false;
        }
        if (!fit_run_to_mailboxes(delivery_, link, leg.entry->result(), &sizes)) return false;
    }
    return true;
}

// ------------------------------------------------------------------------------ going them

bool Services::deliver() {
    for (size_t i = 0; i < leg_count_; ++i) go(*legs_[i]);
    settle();
    const bool is_taken = legs_[0]->is_taken;
    end();
    return is_taken;
}

void Services::go(Leg& leg) {
    if (leg.parent == nullptr) {
        deliver_at(leg);
    } else if (leg.route_owner.has_value()) {
        send_reply_record(delivery_, *leg.route_owner, publisher_, *leg.account,
                          leg.parent->message);
        leg.is_taken = true;
    } else if (leg.import != nullptr) {
        go_import(leg);
    } else {
        go_reply(leg);
    }
}

void Services::deliver_at(Leg& leg) {
    if (leg.entry == nullptr || leg.entry->result().empty()) return;
    Publisher publisher = publisher_;
    if (leg.parent != nullptr) {
        publisher.all_queues = true;    // those that a route names are of its account
        publisher.origin_cluster = 0;  // likewise: no leafnode has seen it in this account
    }
    // An answer that came from another server starts anew in the requestor's account, whose inbox may be on
    // any server, also on the one it came from.
    const bool is_answer = leg.parent != nullptr && leg.import == nullptr;
    if (is_answer && interest::rules_of(publisher.kind).place == interest::MatchPlace::kServer) {
        publisher.kind = proto::Kind::kSystem;
        publisher.link = {};
        publisher.queues = {};
    }
    leg.is_taken = deliver_run(delivery_, publisher, *leg.account, *leg.entry, leg.message);
}

void Services::go_import(Leg& leg) {
    const MessageRun& request = leg.parent->message;
    reply_subject_.clear();
    if (!request.reply.empty()) {
        leg.route = replies_.add({.responder = leg.account,
                                  .requestor = leg.parent->account,
                                  // Not the account between: its own requests would lose their answers.
                                  .charged = legs_[0]->account,
                                  .reply = request.reply,
                                  .type = leg.import->exported().response_type,
                                  .threshold_ns = leg.import->response_threshold_ns()},
                                 delivery_.host.ring.now_ns(), secrets_.next());
    }
    if (leg.import->exported().latency.has_value()) [[unlikely]] measure(leg);
    if (leg.route != ReplyTable::kNone) {
        replies_.write_subject(leg.route, &reply_subject_);
        if (replies_.sample(leg.route) != nullptr) [[unlikely]]
            reply_subject_.append(".").append(delivery_.host.facts.node_hash).append(".T");
    }
    write_frame(leg, reply_subject_, request_headers(leg));
    deliver_at(leg);
}

// The exporter may want to know how long its answers take.
void Services::measure(Leg& leg) {
    const config::LatencyOptions& options = *leg.import->exported().latency;
    const MessageRun& request = leg.parent->message;
    const std::string_view headers = request.headers(0);
    ServiceLatency latency;
    if (delivery_.latency_events() == nullptr ||
        !is_sampled(options, headers, delivery_.prng, &latency.headers))
        return;
    latency.exporter = leg.account;
    latency.subject = options.subject;
    latency.asker = {.link = publisher_.link,
                     .account = leg.parent->account,
                     .detailed = leg.import->options().share};
    latency.start_wall_ns = delivery_.host.ring.wall_ns();
    if (request.reply.empty()) {
        latency.status = LatencyStatus::kNoReplySubject;
        latency.requestor = delivery_.latency_events()->describe(delivery_.host.id, latency.asker);
        return delivery_.latency_events()->on_service_latency(delivery_.host.id,
                                                              std::move(latency));
    }
    if (leg.route == ReplyTable::kNone) return;
    replies_.set_sample(leg.route, std::make_unique<LatencySample>(*this, delivery_, leg.route,
                                                                   replies_.expires_ns(leg.route),
                                                                   std::move(latency)));
}

bool Services::is_awaited(ReplyTable::Slot slot) {
    const ReplyRoute route = replies_.at(slot);
    return has_receiver(delivery_.cache.find(route.requestor->sublist(), route.reply).result());
}

void Services::end_sample(ReplyTable::Slot slot, LatencyStatus status) {
    replies_.sample(slot)->end(status);
    replies_.remove(slot);
}

void Services::on_remote_latency(const account::Account& exporter, proto::RemoteLatency remote) {
    const auto slot = replies_.find_sample(proto::without_gateway_prefix(remote.request), exporter);
    if (slot == ReplyTable::kNone) return;
    if (replies_.sample(slot)->add_remote(std::move(remote))) replies_.remove(slot);
}

void Services::end_measurement(Leg& leg) {
    LatencySample& sample = *replies_.sample(leg.route);
    if (!has_receiver(leg.entry->result())) {
        sample.end(LatencyStatus::kRequestorGone);
    } else if (interest::rules_of(publisher_.kind).place == interest::MatchPlace::kServer) {
        sample.end_elsewhere();
    } else {
        sample.end(LatencyStatus::kAnswered, publisher_.link);
    }
}

void Services::end_route(ReplyTable::Slot slot) {
    const LatencySample* sample = replies_.sample(slot);
    if (sample != nullptr && sample->awaits_remote()) return replies_.close(slot);
    replies_.remove(slot);
}

void Services::go_reply(Leg& leg) {
    const MessageRun& reply = leg.parent->message;
    if (replies_.sample(leg.route) != nullptr) [[unlikely]] end_measurement(leg);
    if (reply.reply.empty()) {  // what comes most often: the bytes stay as they are
        leg.message = reply;
        leg.message.subject = leg.subject;
        leg.message.is_service = true;
    } else {  // the requestor may answer to it
        ReplyRoute back = replies_.at(leg.route);
        std::swap(back.responder, back.requestor);
        back.charged = legs_[0]->account;
        back.reply = reply.reply;
        reply_subject_.clear();
        const auto slot = replies_.add(back, delivery_.host.ring.now_ns(), secrets_.next());
        if (slot != ReplyTable::kNone) replies_.write_subject(slot, &reply_subject_);
        write_frame(leg, reply_subject_, {reply.payload(), reply.header_size});
    }
    deliver_at(leg);
}

// From the ends back: routes that nobody will use are closed, and those that have served.
void Services::settle() {
    for (size_t i = leg_count_; i-- > 1;) {
        Leg& leg = *legs_[i];
        leg.parent->is_taken |= leg.is_taken;
        if (leg.route == ReplyTable::kNone) continue;
        if (leg.import != nullptr) {
            if (leg.is_taken) continue;
            LatencySample* sample = replies_.sample(leg.route);
            if (sample != nullptr) [[unlikely]] sample->end(LatencyStatus::kNoResponders);
            replies_.remove(leg.route);
            continue;
        }
        // Among many routes, one that this very message has opened may have taken its place.
        if (replies_.find(leg.parent->subject, *leg.parent->account,
                          delivery_.host.ring.now_ns()) != leg.route) {
            continue;
        }
        const bool is_last = replies_.at(leg.route).type == config::ResponseType::kSingleton ||
                             leg.message.total_size == 0;
        if (is_last || !leg.is_taken) {
            end_route(leg.route);
        } else {
            replies_.renew(leg.route, delivery_.host.ring.now_ns());
        }
    }
}

void Services::end() {
    for (size_t i = 0; i < leg_count_; ++i) {
        Leg& leg = *legs_[i];
        leg.pin.reset();
        if (leg.frame.capacity() > kKeptFrameBytesMax) leg.frame = {};
    }
    if (header_block_.capacity() > kKeptFrameBytesMax) header_block_ = {};
    leg_count_ = 0;
}

// The parent's message with another reply subject and other headers, as one that was published.
void Services::write_frame(Leg& leg, std::string_view reply, std::string_view headers) {
    const MessageRun& from = leg.parent->message;
    leg.message = frame_message({.subject = leg.subject,
                                 .reply = reply,
                                 .headers = headers,
                                 .body = {from.body(0), from.body_size()}},
                                &leg.frame);
    leg.message.is_service = true;
}

// The request's headers with one that describes the requestor. It replaces a header of that name, which
// only the server may set.
std::string_view Services::request_headers(const Leg& leg) {
    const MessageRun& request = leg.parent->message;
    const std::string_view headers = request.headers(0);
    if (requestor_ == nullptr || !delivery_.headers()) return headers;
    const bool is_chained = leg.parent->import != nullptr;
    const std::string text = requestor_->request_info(
        leg.import->options().share,
        is_chained ? std::string_view(leg.parent->account->name()) : std::string_view());
    const proto::HeaderChange change{.name = proto::kRequestInfoHeader, .value = text};
    const size_t size_max = proto::set_header_size_max(headers, change);
    if (header_block_.size() < size_max) header_block_.resize(size_max);  // else: is not cleared
    const char* end = proto::set_header(header_block_.data(), headers, change);
    return {header_block_.data(), static_cast<size_t>(end - header_block_.data())};
}

// --------------------------------------------------------------------- from another worker

void Services::deliver_reply(const Publisher& publisher, account::Account& account,
                             const MessageRun& message) {
    publisher_ = publisher;
    requestor_ = nullptr;
    Leg& root = add_leg(account, nullptr);
    root.subject = message.subject;
    root.message = message;
    follow_reply(root);
    follow_from(1);
    (void)deliver();
}

}  // namespace nuring::delivery

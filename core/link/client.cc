// SPDX-License-Identifier: Apache-2.0
#include "core/link/client.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <string>

#include "absl/hash/hash.h"
#include "absl/strings/escaping.h"
#include "core/auth/password.h"
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

// Heads up to this are built on the stack and stamped in front of every frame.
constexpr size_t kStampedHeadMax = 512;

// A frame above this is appended piece by piece, over several slabs.
constexpr size_t kWholeFrameMax = 48 * 1024;

// Requests whose answer is still allowed, per connection.
constexpr size_t kResponsesMax = 65536;

// 11 random bytes as unpadded base64url: 15 characters (server/nkey.go).
std::string make_nonce(ring::Ring& ring) {
    std::array<unsigned char, 11> random;
    ring.fill_random(random);
    std::string nonce;
    absl::WebSafeBase64Escape(
        absl::string_view(reinterpret_cast<const char*>(random.data()), random.size()), &nonce);
    return nonce;
}

}  // namespace

Client::Client(WorkerLinks& links, int fd)
    : Link(links, fd, proto::Kind::kClient),
      account_(&links.accounts.global()),
      subscriptions_(links.prng.next()),
      keep_alive_timer_(&keep_alive_fired, *this) {}

Client::~Client() {
    links_.timers.disarm(keep_alive_timer_);
    if (!counted_) return;
    links_.facts.clients.fetch_sub(1, std::memory_order_relaxed);
    links_.facts.worker_clients[index_of(links_.id)].fetch_sub(1, std::memory_order_relaxed);
}

void Client::greet() {
    links_.log.debug("{} - Client connection created", label());
    links_.facts.total_clients.fetch_add(1, std::memory_order_relaxed);
    const int64_t now = links_.facts.clients.fetch_add(1, std::memory_order_relaxed) + 1;
    counted_ = true;
    start();
    last_activity_ns_ = links_.ring.now_ns();
    admitted_ = !links_.authenticator->required();
    if (links_.authenticator->wants_nonce()) nonce_ = make_nonce(links_.ring);
    send_info();
    if (links_.limits.max_connections > 0 && now > links_.limits.max_connections) {
        links_.log.error("{} - {}", label(), proto::kErrConnectionsExceeded);
        send_error(proto::kErrConnectionsExceeded);
        close(CloseReason::kMaxConnectionsExceeded);
        return;
    }
    const uint64_t first_ns =
        admitted_ ? links_.limits.ping_interval_ns : links_.limits.auth_timeout_ns;
    links_.timers.arm(keep_alive_timer_, last_activity_ns_ + first_ns);
}

void Client::on_close() {
    links_.timers.disarm(keep_alive_timer_);
    links_.log.debug("{} - Client connection closed: {}", label(), to_text(close_reason()));
    drop_subscriptions();
}

void Client::drop_subscriptions() {
    if (subscriptions_.empty()) return;
    std::vector<interest::Subscription*> all;
    all.reserve(subscriptions_.size());
    subscriptions_.for_each([&all](interest::Subscription* each) { all.push_back(each); });
    subscriptions_.clear();
    // In the order they came: near each other in memory, and the same in each run of the simulator.
    std::sort(all.begin(), all.end(),
              [](const auto* a, const auto* b) { return a->serial() < b->serial(); });
    account_->sublist().remove_batch(all);
    for (interest::Subscription* subscription : all) {
        subscription->flags |= interest::Subscription::kClosed;
        if (subscription->is_queue()) links_.remove_member(subscription);
        links_.retire(subscription);
    }
}

// ---------------------------------------------------------------------------------- inbound

// Parses up to kAheadMax publishes, carries them out, then whatever ended the batch.
size_t Client::consume(const char* begin, const char* end) {
    const char* at = begin;
    std::array<Publish, kAheadMax> batch;
    tracing_ = links_.log.trace_enabled();
    size_t scanned = take_scanned_bytes();
    while (at < end && open() && !paused()) {
        if (!admitted_ && !admit_anonymous(*at)) break;
        size_t count = 0;
        const char* parsed = at;
        proto::ParseStatus status = proto::ParseStatus::kOperation;
        bool another_verb = false;
        while (parsed < end && count < kAheadMax) {
            Publish& next = batch[count];
            status = proto::parse_client(parsed, end, links_.limits.parse, &next.operation, scanned);
            scanned = 0;
            if (status != proto::ParseStatus::kOperation) break;
            another_verb = next.operation.verb > proto::ClientVerb::kHeaderPublish;
            if (another_verb) break;
            find_run(parsed, end, &next);
            parsed += next.size;
            ++count;
            if (next.run.count > 1 || !next.operation.canonical) break;
        }
        if (count > 1) look_ahead({batch.data(), count});
        for (size_t i = 0; i < count; ++i) {
            if (!publish(batch[i])) return static_cast<size_t>(at - begin);
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
            perform(batch[count].operation);
            at += batch[count].operation.consumed;
        }
    }
    return static_cast<size_t>(at - begin);
}

void Client::look_ahead(std::span<Publish> publishes) {
    interest::Sublist& sublist = account_->sublist();
    for (Publish& publish : publishes) {
        publish.hash = sublist.hash(publish.run.subject);
        links_.cache.prefetch(sublist, publish.hash);
    }
    for (const Publish& publish : publishes) links_.cache.prefetch_miss(sublist, publish.hash);
}

void Client::perform(const proto::ClientOperation& operation) {
    if (tracing_) trace_in(operation);
    switch (operation.verb) {
        case proto::ClientVerb::kSubscribe: return subscribe(operation);
        case proto::ClientVerb::kUnsubscribe: return unsubscribe(operation);
        case proto::ClientVerb::kPing: return ping();
        case proto::ClientVerb::kPong: return pong();
        case proto::ClientVerb::kConnect: return connect(operation.args);
        case proto::ClientVerb::kOk: return;
        case proto::ClientVerb::kInfo: {
            proto::ServerInfo ignored;
            std::string error;
            if (proto::parse_info(operation.args, &links_.json_parser, &ignored, &error) ==
                proto::InfoStatus::kOk) {
                return;
            }
            links_.log.error("{} - {}", label(), error);
            return close(CloseReason::kProtocolViolation);
        }
        case proto::ClientVerb::kError:
            links_.log.error("{} - Client Error {}", label(), operation.args);
            return close(CloseReason::kParseError);
        case proto::ClientVerb::kPublish:
        case proto::ClientVerb::kHeaderPublish: break;
    }
    assert(false && "publishes are handled by publish()");
}

void Client::refuse(proto::ParseStatus status, const proto::ClientOperation& operation,
                    const char* begin, const char* end) {
    switch (status) {
        case proto::ParseStatus::kUnknownOperation: {
            const auto size = std::min<size_t>(static_cast<size_t>(end - begin), 32);
            links_.log.error("{} - Client parser ERROR, state={}, i={}: proto='{}...'", label(), 0,
                             operation.error_offset, proto::quote({begin, size}));
            send_error(proto::kErrUnknownOperation);
            return close(CloseReason::kProtocolViolation);
        }
        case proto::ParseStatus::kControlLineTooLong:
            links_.log.error("{} - maximum control line exceeded", label());
            send_error(proto::kErrControlLineExceeded);
            return close(CloseReason::kMaxControlLineExceeded);
        case proto::ParseStatus::kPayloadTooLarge:
            links_.log.error("{} - maximum payload exceeded: {} vs {}", label(),
                             operation.claimed_size, links_.limits.parse.payload_max);
            send_error(proto::kErrPayloadViolation);
            return close(CloseReason::kMaxPayloadExceeded);
        default:  // argument errors: logged, closed without a word
            links_.log.error("{} - {}'{}'", label(), proto::log_text(status), operation.args);
            return close(CloseReason::kProtocolViolation);
    }
}

// Compares a hashed password, which takes tens of milliseconds, off the workers.
class Client::PasswordJob final : public runtime::Job {
  public:
    PasswordJob(Client& client, auth::Decision decision, bool first_time)
        : links_(client.links_),
          handle_(client.handle()),
          decision_(std::move(decision)),
          first_time_(first_time) {}

    void work() override { matches_ = auth::matches_bcrypt(decision_.stored, decision_.given); }
    void run() override {
        Link* link = links_.table.find(handle_);
        if (link == nullptr || !link->open()) return;
        auto& client = static_cast<Client&>(*link);  // only clients make such jobs
        if (!matches_) return client.refuse_credentials();
        if (!first_time_) return client.welcome_again(decision_.identity);
        client.finish_connect(decision_.identity);
        client.resume();
    }

  private:
    WorkerLinks& links_;
    const base::LinkHandle handle_;
    const auth::Decision decision_;
    const bool first_time_;  // or again, after a reload
    bool matches_ = false;
};

void Client::connect(std::string_view json) {
    last_activity_ns_ = links_.ring.now_ns();
    std::string error;
    if (proto::parse_connect(json, &links_.json_parser, &connect_, &error) !=
        proto::ConnectStatus::kOk) {
        links_.log.error("{} - {}", label(), error);
        return close(CloseReason::kProtocolViolation);
    }
    connected_ = true;
    if (connect_.names_account) return refuse_credentials();  // since 2.7.2; before: a security hole
    const auth::Decision decision = decide();
    switch (decision.verdict) {
        case auth::Verdict::kAccepted: return finish_connect(decision.identity);
        case auth::Verdict::kRefused: return refuse_credentials();
        case auth::Verdict::kHashed:
            pause();  // what follows waits for the verdict
            return links_.jobs.submit(links_.worker, std::make_unique<PasswordJob>(
                                                         *this, decision, /*first_time=*/true));
    }
}

auth::Decision Client::decide() const {
    return links_.authenticator->decide({.user = connect_.text(proto::ConnectText::kUser),
                                         .password = connect_.text(proto::ConnectText::kPass),
                                         .token = connect_.text(proto::ConnectText::kAuthToken),
                                         .nkey = connect_.text(proto::ConnectText::kNkey),
                                         .signature = connect_.text(proto::ConnectText::kSig),
                                         .nonce = nonce_});
}

// After a reload: who showed the right credentials is asked of the new table, goes on with what it may
// now, and loses the subscriptions that it may no longer have.
// Source: reloadAuthorization in server/reload.go; without its two bugs (users who become single ones).
void Client::on_reload() {
    if (!open() || !admitted_) return;
    if (!connected_) {  // came in without credentials
        if (!links_.authenticator->required()) return;
        if (links_.authenticator->anonymous() == nullptr) return refuse_credentials();
        return welcome_again(links_.authenticator->anonymous());
    }
    const auth::Decision decision = decide();
    switch (decision.verdict) {
        case auth::Verdict::kAccepted: return welcome_again(decision.identity);
        case auth::Verdict::kRefused: return refuse_credentials();
        case auth::Verdict::kHashed:
            return links_.jobs.submit(links_.worker, std::make_unique<PasswordJob>(
                                                         *this, decision, /*first_time=*/false));
    }
}

void Client::welcome_again(std::shared_ptr<const auth::Identity> identity) {
    if (&links_.accounts.find_or_create(identity->account) != account_) {
        return close(CloseReason::kClientClosed);
    }
    bind(std::move(identity));
    std::vector<interest::Subscription*> all;
    subscriptions_.for_each([&all](interest::Subscription* each) { all.push_back(each); });
    for (interest::Subscription* subscription : all) {
        subscription->flags &= static_cast<uint8_t>(~interest::Subscription::kFiltered);
        if (permissions_ == nullptr) continue;
        if (permissions_->may_subscribe(subscription->subject(), subscription->queue())) {
            if (permissions_->must_filter(subscription->subject(), subscription->queue())) {
                subscription->flags |= interest::Subscription::kFiltered;
            }
            continue;
        }
        const std::string subject = proto::quote(subscription->subject());
        const std::string sid = proto::quote(subscription->sid());
        links_.log.info("{} - Removed sub {} (sid {}) for {} - not authorized", label(), subject, sid,
                        who());
        send_error(fmt::format("{}{} (sid {})", proto::kErrSubscriptionViolation, subject, sid));
        remove(subscription);
    }
}

void Client::announce_lame_duck() {
    if (open() && connected_ && connect_.protocol >= 1) send_info(/*lame_duck=*/true);
}

void Client::refuse_credentials() {
    std::string whom;
    const std::string_view nkey = connect_.text(proto::ConnectText::kNkey);
    if (links_.authenticator->wants_nonce() && !nkey.empty()) {
        whom = fmt::format(" - Nkey {}", proto::quote(nkey));
    } else if (links_.authenticator->has_users()) {
        whom = fmt::format(" - User {}", proto::quote(connect_.text(proto::ConnectText::kUser)));
    }
    links_.log.error("{} - authentication error{}", label(), whom);
    send_error(proto::kErrAuthorizationViolation);
    close(CloseReason::kAuthenticationFailure);
}

void Client::finish_connect(std::shared_ptr<const auth::Identity> identity) {
    bind(std::move(identity));
    if (connect_.protocol < 0 || connect_.protocol > 1) {
        links_.log.error("{} - {}", label(), proto::kErrClientProtocol);
        send_error(proto::kErrClientProtocol);
        return close(CloseReason::kBadClientProtocolVersion);
    }
    if (!links_.limits.headers) connect_.headers = false;
    if (connect_.no_responders && !connect_.headers) {
        links_.log.error("{} - {}", label(), proto::kErrNoRespondersNeedsHeaders);
        send_error(proto::kErrNoRespondersNeedsHeaders);
        return close(CloseReason::kNoRespondersRequiresHeaders);
    }
    if (connect_.verbose) send_ok();
}

// The link is that user's from now on: its account, its permissions.
void Client::bind(std::shared_ptr<const auth::Identity> identity) {
    if (!admitted_) {
        admitted_ = true;
        links_.timers.arm(keep_alive_timer_,
                          links_.ring.now_ns() + links_.limits.ping_interval_ns);
    }
    account::Account& account = links_.accounts.find_or_create(identity->account);
    if (&account != account_) {
        drop_subscriptions();  // of a former user in another account
        account_ = &account;
        memo_.clear();
    }
    identity_ = std::move(identity);
    permissions_ = identity_->permissions.get();
    permitted_subject_.clear();
}

// Before it has shown credentials a client may say CONNECT only, unless a user for such clients is
// configured. The first byte decides, whatever follows.
bool Client::admit_anonymous(char first_byte) {
    if (first_byte == 'C' || first_byte == 'c') return true;
    if (const auto& anonymous = links_.authenticator->anonymous(); anonymous != nullptr) {
        bind(anonymous);
        return true;
    }
    refuse_credentials();
    return false;
}

std::string Client::who() const {
    if (identity_ == nullptr || identity_->name.empty()) return "User \"N/A\"";
    return fmt::format("{} {}", identity_->is_nkey ? "Nkey" : "User",
                       proto::quote(identity_->name));
}

void Client::ping() {
    queue(proto::kPongFrame);
    if (tracing_) links_.log.trace("{} - ->> [PONG]", label());
}

void Client::pong() {
    pings_out_ = 0;
    if (ping_sent_ns_ != 0) rtt_ns_ = links_.ring.now_ns() - ping_sent_ns_;
}

void Client::subscribe(const proto::ClientOperation& operation) {
    last_activity_ns_ = links_.ring.now_ns();
    const LinkLimits& limits = links_.limits;
    if (permissions_ != nullptr &&
        !permissions_->may_subscribe(operation.subject, operation.queue)) [[unlikely]] {
        links_.log.error("{} - Subscription Violation - {}, Subject {}, SID {}", label(), who(),
                         proto::quote(operation.subject), operation.sid);
        std::string text = fmt::format("{}{}", proto::kErrSubscriptionViolation,
                                       proto::quote(operation.subject));
        if (!operation.queue.empty()) {
            text += fmt::format(" using queue {}", proto::quote(operation.queue));
        }
        return send_error(text);
    }
    if (limits.max_subscriptions > 0 &&
        static_cast<int64_t>(subscriptions_.size()) >= limits.max_subscriptions) {
        links_.log.error("{} - {}", label(), proto::kErrSubscriptionsExceeded);
        return send_error(proto::kErrSubscriptionsExceeded);
    }
    if (limits.max_sub_tokens > 0 &&
        proto::token_count(operation.subject) > static_cast<size_t>(limits.max_sub_tokens)) {
        return send_error(fmt::format("{}{}, too many tokens", proto::kErrSubscriptionViolation,
                                      proto::quote(operation.subject)));
    }
    const interest::SidTable::Key sid_key = subscriptions_.key(operation.sid);
    if (subscriptions_.find(operation.sid, sid_key) == nullptr) {
        if (!proto::is_valid_subject(operation.subject)) {
            return send_error(proto::kErrInvalidSubject);
        }
        // Its place in the list is far away when there are many; asked for now, it is near by insert().
        interest::Sublist& sublist = account_->sublist();
        const uint64_t hash = sublist.hash(operation.subject);
        sublist.prefetch(hash);
        interest::Subscription* subscription =
            links_.subscriptions.create({.link = handle(),
                                         .owner = static_cast<Link*>(this),
                                         .serial = links_.take_serial(),
                                         .subject = operation.subject,
                                         .queue = operation.queue,
                                         .sid = operation.sid});
        if (subscription == nullptr) return send_error(proto::kErrInvalidSubject);
        if (permissions_ != nullptr &&
            permissions_->must_filter(operation.subject, operation.queue)) {
            subscription->flags |= interest::Subscription::kFiltered;
        }
        subscriptions_.insert(subscription, sid_key);
        if (subscription->is_queue()) links_.add_member(subscription);
        sublist.insert(subscription, hash);
    }
    if (connect_.verbose) send_ok();
}

void Client::unsubscribe(const proto::ClientOperation& operation) {
    last_activity_ns_ = links_.ring.now_ns();
    if (interest::Subscription* subscription = subscriptions_.find(operation.sid);
        subscription != nullptr) {
        const auto max = static_cast<uint64_t>(std::max<int64_t>(operation.unsubscribe_max, 0));
        if (max > subscription->delivered) {
            subscription->max = max;
        } else {
            remove(subscription);
        }
    }
    if (connect_.verbose) send_ok();
}

void Client::remove(interest::Subscription* subscription) {
    subscription->flags |= interest::Subscription::kClosed;
    subscriptions_.erase(subscription);
    if (subscription->is_queue()) links_.remove_member(subscription);
    account_->sublist().remove(subscription);
    links_.retire(subscription);
    if (tracing_) links_.log.trace("{} - <-> [DELSUB {}]", label(), subscription->sid());
}

// --------------------------------------------------------------------------------- publishing

bool Client::publish(Publish& publish) {
    const proto::ClientOperation& operation = publish.operation;
    MessageRun& run = publish.run;
    if (tracing_) [[unlikely]] trace_in(operation);
    if (refuses_headers(operation)) [[unlikely]] return true;
    if (!operation.canonical) [[unlikely]] normalise_tail(operation, &run);
    const interest::MatchEntry& entry = match(publish);
    const interest::MatchResult& matched = entry.result();
    if (!make_room(links_, *this, matched, &run)) return false;

    last_activity_ns_ = links_.ring.now_ns();
    const uint64_t bytes = uint64_t{run.count} * run.total_size;
    traffic_.in_messages += run.count;
    traffic_.in_bytes += bytes;
    links_.counters.in_messages += run.count;
    links_.counters.in_bytes += bytes;
    publish.size = run.count * operation.consumed;  // make_room() may have cut the run
    if (!may_publish(operation)) return true;

    if (!matched.empty()) {
        const interest::MatchPin pin(entry);
        const Publisher publisher{.link = handle(), .echo = connect_.echo};
        if (deliver_run(links_, publisher, *account_, matched, run)) return true;
    }
    if (connect_.no_responders && !run.reply.empty()) send_no_responders(run.reply);
    return true;
}

// An HPUB of a client that did not ask for headers ends it, as soon as its control line is there.
bool Client::refuses_headers(const proto::ClientOperation& operation) {
    if (operation.verb != proto::ClientVerb::kHeaderPublish || connect_.headers) return false;
    links_.log.error("{} - message headers not supported", label());
    close(CloseReason::kProtocolViolation);
    return true;
}

// What must be said before the messages go out. False: they do not.
bool Client::may_publish(const proto::ClientOperation& operation) {
    if (operation.reply.starts_with(proto::kServiceReplyPrefix)) [[unlikely]] {
        links_.log.error("{} - Publish Violation - {}, Reply {}", label(), who(),
                         proto::quote(operation.reply));
        send_error(fmt::format("{}{}", proto::kErrReplyViolation, proto::quote(operation.reply)));
        return false;
    }
    if (permissions_ != nullptr && !permits_publish(operation.subject)) [[unlikely]] {
        report_publish_violation(operation.subject);
        return false;
    }
    if (connect_.pedantic && !proto::is_valid_literal_subject(operation.subject)) {
        send_error(proto::kErrInvalidPublishSubject);  // and routed all the same
    }
    if (connect_.verbose) send_ok();
    return true;
}

// The last subject that was found permitted needs no second look.
bool Client::permits_publish(std::string_view subject) {
    if (!permitted_subject_.empty() && permitted_subject_ == subject) return true;
    if (permissions_->may_publish(subject)) {
        permitted_subject_ = subject;
        return true;
    }
    if (responses_ == nullptr) return false;
    const auto found = responses_->find(base::absl_view(subject));
    if (found == responses_->end()) return false;
    const bool valid = links_.ring.now_ns() < found->second.expires_ns && found->second.left > 0;
    if (!valid || --found->second.left == 0) responses_->erase(found);
    return valid;
}

// allow_responses: who received a request may answer it, so often and so long.
void Client::note_reply(std::string_view reply) {
    const config::ResponsePermissions& allowed = *permissions_->responses();
    if (responses_ == nullptr) responses_ = std::make_unique<absl::flat_hash_map<std::string, Response>>();
    const uint64_t now = links_.ring.now_ns();
    if (responses_->size() >= kResponsesMax) {
        absl::erase_if(*responses_, [now](const auto& entry) { return entry.second.expires_ns <= now; });
        if (responses_->size() >= kResponsesMax) responses_->clear();  // who hoards requests, loses
    }
    (*responses_)[std::string(reply)] = {
        .left = allowed.max_messages < 0 ? INT64_MAX : allowed.max_messages,
        .expires_ns = allowed.expires.count() < 0 ? ring::kForever
                                                  : now + static_cast<uint64_t>(allowed.expires.count())};
}

void Client::report_publish_violation(std::string_view subject) {
    links_.log.error("{} - Publish Violation - {}, Subject {}", label(), who(),
                     proto::quote(subject));
    send_error(fmt::format("{}{}", proto::kErrPublishViolation, proto::quote(subject)));
}

// Most publishers stay with one subject: its match is kept, and valid while nothing changes.
const interest::MatchEntry& Client::match(const Publish& publish) {
    const std::string_view subject = publish.run.subject;
    if (memo_.current() && memo_.entry().subject() == subject) return memo_.entry();
    interest::Sublist& sublist = account_->sublist();
    const uint64_t hash = publish.hash != 0 ? publish.hash : sublist.hash(subject);
    const interest::MatchEntry& entry = links_.cache.find(sublist, subject, hash);
    memo_ = interest::MatchMemo(entry);
    return entry;
}

// Each message that follows with the same control line joins the run. Not in verbose mode, where each
// is answered by itself, nor when each is traced.
void Client::find_run(const char* begin, const char* end, Publish* publish) const {
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
    if (connect_.verbose || tracing_) return;
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
    std::string line = " ";
    if (!operation.reply.empty()) line += fmt::format("{} ", operation.reply);
    if (operation.verb == proto::ClientVerb::kHeaderPublish) {
        line += fmt::format("{} ", operation.header_size);
    }
    line += fmt::format("{}\r\n", operation.total_size);
    std::vector<char>& scratch = links_.scratch;
    scratch.clear();
    scratch.insert(scratch.end(), line.begin(), line.end());
    scratch.insert(scratch.end(), operation.payload, operation.payload + operation.total_size);
    scratch.insert(scratch.end(), proto::kLineEnd.begin(), proto::kLineEnd.end());
    run->tail_size = run->stride = scratch.size();
    scratch.resize(scratch.size() + ring::kReceiveSlackBytes);
    run->tail = scratch.data();
    if (!run->reply.empty()) run->reply = {scratch.data() + 1, operation.reply.size()};
}

// Nobody took a request: the requestor hears it on its own inbox, if it listens there.
void Client::send_no_responders(std::string_view reply) {
    for (interest::Subscription* subscription :
         links_.cache.find(account_->sublist(), reply).result().local()) {
        if (subscription->link() != handle()) continue;
        const proto::NoResponders answer{.reply = reply, .sid = subscription->sid()};
        std::string frame(proto::no_responders_frame_size(answer), '\0');
        proto::encode_no_responders(frame.data(), answer);
        ++subscription->delivered;
        ++traffic_.out_messages;
        ++links_.counters.out_messages;
        queue(frame);
        if (subscription->max != 0 && subscription->delivered >= subscription->max) {
            remove(subscription);
        }
        return;
    }
}

// ---------------------------------------------------------------------------------- outbound

bool Client::accepts(const interest::Subscription& subscription,
                     base::LinkHandle /*origin*/) const {
    return open() && !subscription.closed() &&
           (subscription.max == 0 || subscription.delivered < subscription.max);
}

uint32_t Client::deliver(interest::Subscription& subscription, const MessageRun& run) {
    if (!open() || subscription.closed()) return 0;
    if (permissions_ != nullptr) [[unlikely]] {
        if ((subscription.flags & interest::Subscription::kFiltered) != 0 &&
            !permissions_->may_receive(run.subject, subscription.queue())) {
            return 0;
        }
        if (permissions_->responses().has_value() && !run.reply.empty()) note_reply(run.reply);
    }
    uint32_t count = run.count;
    if (subscription.max != 0) {
        const uint64_t left = subscription.max - subscription.delivered;
        count = static_cast<uint32_t>(std::min<uint64_t>(count, left));
    }
    const bool strip = run.header_size != 0 && !connect_.headers;
    const std::string_view sid = subscription.sid();
    const size_t head_size = 6 + run.subject.size() + sid.size();
    const uint64_t frame_size = head_size + run.tail_size;
    bool slow = false;
    if (!fits_pending(count * frame_size)) [[unlikely]] {
        const uint64_t pending = outbound_.pending_bytes();
        const uint64_t most = links_.limits.max_pending_bytes;
        count = static_cast<uint32_t>(pending < most ? (most - pending) / frame_size : 0);
        slow = true;
    }
    if (strip) {
        append_stripped(subscription, run, count);
    } else {
        std::array<char, kStampedHeadMax + base::kBlockBytes> stamped;
        std::string long_head;
        char* head = stamped.data();
        if (head_size > kStampedHeadMax) {
            long_head.resize(head_size + base::kBlockBytes);
            head = long_head.data();
        }
        char* out = head;
        if (run.header_size != 0) *out++ = 'H';
        out = proto::encode_msg_start(out, run.subject);
        out = proto::append_short(out, sid);
        append_frames({head, static_cast<size_t>(out - head)}, run, count);
    }
    const uint64_t bytes = uint64_t{count} * (strip ? run.total_size - run.header_size : run.total_size);
    subscription.delivered += count;
    traffic_.out_messages += count;
    traffic_.out_bytes += bytes;
    links_.counters.out_messages += count;
    links_.counters.out_bytes += bytes;
    last_activity_ns_ = links_.ring.now_ns();
    mark_dirty();
    if (slow) [[unlikely]] {
        links_.slow_consumer_pending(*this);
    } else if (subscription.max != 0 && subscription.delivered >= subscription.max) {
        links_.log.debug("{} - Auto-unsubscribe limit of {} reached for sid '{}'", label(),
                         subscription.max, sid);
        remove(&subscription);
    }
    return count;
}

void Client::append_frames(std::string_view head, const MessageRun& run, uint32_t count) {
    if (links_.log.trace_enabled()) [[unlikely]] trace_out(head, run);
    const size_t frame_size = head.size() + run.tail_size;
    const char* tail = run.tail;
    if (frame_size > kWholeFrameMax) {
        for (; count > 0; --count, tail += run.stride) {
            outbound_.append(head);
            outbound_.append({tail, run.tail_size});
        }
        return;
    }
    while (count > 0) {
        if (outbound_.window() < frame_size) outbound_.open_window(frame_size);
        uint32_t fitting = 1;
        if (count > 1) {
            fitting = static_cast<uint32_t>(
                std::min<size_t>(count, outbound_.window() / frame_size));
        }
        char* out = outbound_.cursor();
        for (uint32_t i = 0; i < fitting; ++i) {
            base::block_copy(out, head.data(), head.size());
            base::block_copy(out + head.size(), tail, run.tail_size);
            out += frame_size;
            tail += run.stride;
        }
        outbound_.advance(fitting * frame_size);
        count -= fitting;
    }
}

// To a client without header support: the body alone, as a MSG.
void Client::append_stripped(interest::Subscription& subscription, const MessageRun& run,
                             uint32_t count) {
    const proto::MessageHead names{
        .subject = run.subject, .sid = subscription.sid(), .reply = run.reply};
    std::string head(proto::message_head_size_max(names), '\0');
    const uint32_t body_size = run.total_size - run.header_size;
    const char* end = proto::encode_msg_head(head.data(), names, body_size);
    head.resize(static_cast<size_t>(end - head.data()));
    for (uint32_t i = 0; i < count; ++i) {
        outbound_.append(head);
        outbound_.append({run.payload() + i * run.stride + run.header_size, body_size + 2});
    }
}

void Client::send_ok() {
    if (tracing_) links_.log.trace("{} - ->> [OK]", label());
    queue(proto::kOkFrame);
}

void Client::send_error(std::string_view text) {
    if (tracing_) links_.log.trace("{} - ->> [-ERR {}]", label(), text);
    std::string frame(proto::err_frame_size(text), '\0');
    proto::encode_err(frame.data(), text);
    queue(frame);
}

void Client::send_info(bool lame_duck) {
    proto::ServerInfo info = links_.facts.info;
    info.client_id = cid();
    info.client_ip = peer_host();
    info.nonce = nonce_;
    info.auth_required = links_.authenticator->required();
    info.max_payload = links_.limits.parse.payload_max;
    info.ldm = lame_duck;
    queue(proto::encode_info(info));
}

// ------------------------------------------------------------------------------------- traces

void Client::trace_in(const proto::ClientOperation& operation) {
    const std::string_view verb = proto::to_text(operation.verb);
    switch (operation.verb) {
        case proto::ClientVerb::kPing:
        case proto::ClientVerb::kPong:
            return links_.log.trace("{} - <<- [{}]", label(), verb);
        case proto::ClientVerb::kPublish:
        case proto::ClientVerb::kHeaderPublish: {
            links_.log.trace("{} - <<- [{} {}]", label(), verb, operation.publish_args());
            std::string_view payload(operation.payload, operation.total_size);
            const auto limit = static_cast<size_t>(links_.options->log.max_traced_msg_len);
            const bool cut = limit > 0 && payload.size() > limit;
            if (cut) payload = payload.substr(0, limit);
            return links_.log.trace("{} - <<- MSG_PAYLOAD: [{}{}]", label(), proto::quote(payload),
                                    cut ? "..." : "");
        }
        case proto::ClientVerb::kConnect:
            return links_.log.trace("{} - <<- [{} {}]", label(), verb,
                                    proto::redact(operation.args));
        default:
            return links_.log.trace("{} - <<- [{} {}]", label(), verb, operation.args);
    }
}

void Client::trace_out(std::string_view head, const MessageRun& run) {
    std::string_view sizes(run.tail, static_cast<size_t>(run.payload() - 2 - run.tail));
    for (uint32_t i = 0; i < run.count; ++i) {
        links_.log.trace("{} - ->> [{}{}]", label(), head, sizes);
    }
}

// ---------------------------------------------------------------------------------- keep-alive

void Client::keep_alive_fired(runtime::Timer& timer) {
    static_cast<ClientTimer&>(timer).owner.keep_alive();
}

// Source: server/client.go, processPingTimer 2.0.0-RC19: no PING to who was active in the interval.
void Client::keep_alive() {
    if (!admitted_) {
        links_.log.debug("{} - {}", label(), proto::kErrAuthenticationTimeout);
        send_error(proto::kErrAuthenticationTimeout);
        return close(CloseReason::kAuthenticationTimeout);
    }
    const uint64_t now = links_.ring.now_ns();
    const uint64_t interval = links_.limits.ping_interval_ns;
    links_.log.debug("{} - Client Ping Timer", label());
    shrink();
    if (now - last_activity_ns_ < interval) {
        links_.log.debug("{} - Delaying PING due to activity {}s ago", label(),
                         (now - last_activity_ns_) / 1'000'000'000);
    } else if (pings_out_ + 1 > links_.limits.ping_max) {
        links_.log.debug("{} - Stale Client Connection - Closing", label());
        send_error(proto::kErrStaleConnection);
        return close(CloseReason::kStaleConnection);
    } else {
        ++pings_out_;
        ping_sent_ns_ = now;
        if (links_.log.trace_enabled()) links_.log.trace("{} - ->> [PING]", label());
        queue(proto::kPingFrame);
    }
    links_.timers.arm(keep_alive_timer_, now + interval);
}

}  // namespace nuring::link

// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim_client.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "core/client/client_records.h"
#include "fmt/format.h"
#include "tests/sim/payload.h"

namespace nuring::sim {
namespace {

constexpr std::string_view kHeaders = "NATS/1.0\r\nBar: baz\r\n\r\n";
// What a service adds, of a requestor that shares nothing but its account and its round trip time.
constexpr std::string_view kRequestInfo = "Nats-Request-Info: {\"acc\":\"HOME\",\"rtt\":";
constexpr std::string_view kNoRespondersHeaders = "NATS/1.0 503";
constexpr uint64_t kCalmPing_ns = 10'000'000'000;  // nobody is too slow for it
constexpr size_t kSubscriptionsMax = 24;           // of one client

// The headers as they were published; "": there were none.
std::string without_request_info(std::string_view headers) {
    std::string published(headers);
    const size_t at = published.find(kRequestInfo);
    if (at == std::string::npos) return published;
    const size_t line_end = published.find("}\r\n", at);
    if (line_end == std::string::npos) return published;
    published.erase(at, line_end + 3 - at);
    return published == "NATS/1.0\r\n\r\n" ? std::string() : published;
}

}  // namespace

SimClient::SimClient(SimClientHost& host, SimNet& net, Oracle& oracle, const Swarm& swarm,
                     uint64_t seed, uint16_t port)
    : SimConnection(host, net, seed, port), oracle_(oracle), swarm_(swarm) {
    ClientRecord record;
    record.echo = percent(80);
    record.headers = percent(70);
    record.no_responders = record.headers && percent(50);
    publisher_ = swarm.publisher_percent != 0 && percent(swarm.publisher_percent);
    if (publisher_) record.no_responders = false;
    mover_ = !publisher_ && swarm.mover_percent != 0 && percent(swarm.mover_percent);
    if (mover_) record.echo = true;
    if (swarm.tenants) record.user = &kSimUsers[prng_.below(kSimUsers.size())];
    const uint32_t id = oracle.add_client(record);
    verbose_ = percent(20);
    canonical_ = percent(85);
    begin(id);
    if (percent(20)) connect();  // without waiting for INFO
}

// ------------------------------------------------------------------------------------ sending

void SimClient::expect_ok() {
    if (verbose_) ++ok_expected_;
}

void SimClient::connect() {
    if (connected_) return;
    connected_ = true;
    const ClientRecord& record = oracle_.client(id());
    std::string credentials;
    if (swarm_.login) {
        if (percent(swarm_.stranger_percent)) return be_refused();
        credentials = fmt::format(",\"user\":\"{}\",\"pass\":\"{}\"", user().name,
                                  kSimPassword);
    }
    expect_ok();
    say(fmt::format("CONNECT {{\"verbose\":{},\"pedantic\":false,\"echo\":{},\"headers\":{},"
                    "\"no_responders\":{},\"protocol\":1,\"lang\":\"sim\",\"name\":\"c{}\"{}}}\r\n",
                    verbose_, record.echo, record.headers, record.no_responders, id(), credentials));
    if (record.no_responders || (!publisher_ && percent(30))) {
        subscribe(fmt::format("_R.{}.*", id()), "");
        oracle_.client(id()).inbox = oracle_.subscription_count() - 1;
    }
    fence();
}

// What a stranger sends along is never carried out: the oracle knows of none of it.
void SimClient::be_refused() {
    oracle_.client(id()).alive = false;
    leaving_ = true;
    trace("shows a wrong password");
    const char* const first = percent(50) ? "CONNECT {\"user\":\"sim\",\"pass\":\"guess\"}\r\n" : "";
    say(fmt::format("{}SUB > 1\r\nPUB a 1\r\nx\r\nPING\r\n", first));
}

void SimClient::fence() {
    if (gone()) return;
    if (!connected_) return connect();  // who must log in may not begin with a PING
    open_fence_.publish_count = static_cast<uint32_t>(oracle_.client(id()).publishes.size());
    open_fence_.ok_count = ok_expected_;
    open_fence_.refusal_count = refusals_expected_ever_;
    fences_.push_back(std::move(open_fence_));
    open_fence_ = {};
    host_.next_step();
    say("PING\r\n");
}

std::string SimClient::random_subject() {
    std::string subject;
    if (swarm_.tenants && percent(15)) subject = percent(50) ? kServicePrefix : kFarPrefix;
    append_subject(swarm_.token_count, &subject);
    if (percent(2)) subject += "." + std::string(60, 'x');
    return subject;
}

std::string SimClient::random_pattern() {
    std::string pattern;
    if (swarm_.tenants && percent(40)) pattern = percent(50) ? kServicePrefix : kFarPrefix;
    append_pattern(swarm_.token_count, &pattern);
    return pattern;
}

void SimClient::expect_refusal(std::string_view kind, std::string_view subject) {
    refusals_expected_.push_back(
        fmt::format("-ERR 'Permissions Violation for {} to \"{}\"", kind, subject));
    ++refusals_expected_ever_;
}

void SimClient::subscribe(const std::string& pattern, const std::string& queue) {
    if (!may_subscribe(user(), pattern)) {
        expect_refusal("Subscription", pattern);
        trace(fmt::format("SUB {} {}, which it may not", pattern, queue));
        return say(fmt::format("SUB {} {} refused{}\r\n", pattern, queue, next_sid_++));
    }
    SubscriptionRecord record;
    record.client = id();
    record.pattern = pattern;
    record.queue = queue;
    if (!free_sids_.empty() && percent(50)) {
        record.sid = free_sids_.back();
        free_sids_.pop_back();
    } else {
        record.sid = std::to_string(next_sid_++);
    }
    const size_t index = oracle_.add_subscription(record);
    subscriptions_[record.sid] = index;
    open_fence_.subscribed.push_back(index);
    host_.next_step();
    expect_ok();
    trace(fmt::format("SUB {} {} {}", pattern, queue, record.sid));
    say(queue.empty() ? fmt::format("SUB {} {}\r\n", pattern, record.sid)
                      : fmt::format("SUB {} {} {}\r\n", pattern, queue, record.sid));
}

void SimClient::unsubscribe() {
    if (subscriptions_.empty()) return;
    auto at = subscriptions_.begin();
    std::advance(at, prng_.below(static_cast<uint32_t>(subscriptions_.size())));
    const size_t index = at->second;
    SubscriptionRecord& record = oracle_.subscription(index);
    if (record.unsubscribed_step != SubscriptionRecord::kNever) return;
    const uint64_t step = host_.next_step();
    expect_ok();
    if (record.max == 0 && percent(mover_ ? 5 : 40)) {
        record.max = 1 + prng_.below(20);
        open_fence_.limited.push_back(index);
        trace(fmt::format("UNSUB {} {}", record.sid, record.max));
        say(fmt::format("UNSUB {} {}\r\n", record.sid, record.max));
    } else {
        record.unsubscribed_step = step;
        open_fence_.unsubscribed.push_back(index);
        trace(fmt::format("UNSUB {}", record.sid));
        say(fmt::format("UNSUB {}\r\n", record.sid));
    }
    if (percent(50)) fence();
}

void SimClient::publish(const std::string& subject, const std::string& reply, uint32_t payload_size,
                        bool with_headers) {
    if (!may_publish(user(), subject)) {
        expect_refusal("Publish", subject);
        trace(fmt::format("PUB {}, which it may not", subject));
        return say(fmt::format("PUB {} {} 7\r\nrefused\r\n", subject, reply));
    }
    PublishRecord record;
    record.subject = subject;
    record.reply = reply;
    record.payload_size = std::max(payload_size, kPayloadSizeMin);
    record.has_headers = with_headers && oracle_.client(id()).headers;
    record.step = host_.next_step();
    const bool has_headers = record.has_headers;
    const std::string payload = oracle_.add_publish(id(), std::move(record));
    const std::string reply_word = reply.empty() ? "" : reply + " ";
    std::string frame;
    if (has_headers) {
        frame = fmt::format("HPUB {} {}{} {}\r\n{}", subject, reply_word, kHeaders.size(),
                            kHeaders.size() + payload.size(), kHeaders);
    } else if (canonical_) {
        frame = fmt::format("PUB {} {}{}\r\n", subject, reply_word, payload.size());
    } else {
        frame = fmt::format("pub  {}\t{} {} \r\n", subject, reply_word, payload.size());
    }
    expect_ok();
    trace(fmt::format("PUB {} {}{} number {}", subject, reply_word, payload.size(),
                                 oracle_.client(id()).publishes.size() - 1));
    say(frame + payload + "\r\n");
}

// Still a mover with one subscription more.
bool SimClient::may_add() const {
    if (subscriptions_.empty()) return true;
    const bool has_queue = !oracle_.subscription(subscriptions_.begin()->second).queue.empty();
    return !has_queue && subscriptions_.size() < client::kMovedSubscriptionsMax;
}

void SimClient::publish_some() {
    const std::string subject = random_subject();
    const bool with_headers = percent(20);
    const uint32_t payload_size =
        percent(70) ? prng_.below(40) : prng_.below(std::max(swarm_.payload_max, 1U));
    const ClientRecord& record = oracle_.client(id());
    if (record.inbox != UINT64_MAX && percent(20)) {
        const bool over_service = swarm_.tenants && percent(50);
        publish(over_service ? fmt::format("{}{}", kServicePrefix, subject) : subject,
                fmt::format("_R.{}.{}", id(), next_request_++), payload_size, with_headers);
        return;
    }
    for (uint32_t i = 1 + prng_.below(swarm_.burst_max); i > 0 && out_.size() < kQueuedMax; --i) {
        publish(subject, "", payload_size, with_headers);
    }
}

bool SimClient::act() {
    if (gone() || !connected_ || leaving_ || out_.size() >= kQueuedMax) return false;
    const uint32_t dice = prng_.below(1000);
    if (dice < swarm_.leave_permille) {
        leave();
    } else if (net_.permille(swarm_.garbage_permille)) {
        talk_nonsense();
    } else if (net_.permille(swarm_.stop_reading_permille)) {
        stopped_reading_ever_ = true;
        stop_reading(100'000, 40'000'000);
    } else if (publisher_ && !percent(3)) {
        if (percent(40)) unsubscribe();
        percent(10) ? fence() : publish_some();
    } else if (subscriptions_.empty() || percent(swarm_.churn_percent)) {
        if (mover_ && !may_add()) {
            unsubscribe();
        } else if (subscriptions_.size() < kSubscriptionsMax &&
                   (subscriptions_.size() < 2 || percent(50))) {
            const bool queue = percent(swarm_.queue_percent) && (!mover_ || subscriptions_.empty());
            subscribe(random_pattern(), queue ? fmt::format("q{}", prng_.below(2)) : "");
            if (percent(50)) fence();
        } else {
            unsubscribe();
        }
    } else if (percent(8)) {
        fence();
    } else {
        publish_some();
    }
    return true;
}

void SimClient::leave() {
    oracle_.client(id()).alive = false;
    leaving_ = true;
    trace("leaves");
    const uint32_t dice = prng_.below(3);
    if (dice == 0) {
        stream_.reset();
        return lose();
    }
    if (dice == 1) {
        stream_.close();
        return lose();
    }
    // Half-closed: the server ends the rest.
    if (out_.empty()) {
        stream_.shutdown_send();
    } else {
        stream_.close();
        lose();
    }
}

void SimClient::leave_in_order() {
    if (gone() || leaving_) return;
    leaving_ = true;
    oracle_.client(id()).alive = false;
    stream_.close();
    lose();
}

void SimClient::expect_end() {
    if (gone()) return;
    leaving_ = true;
    oracle_.client(id()).alive = false;
}

void SimClient::talk_nonsense() {
    static constexpr std::array<std::string_view, 5> kNonsense = {
        "GARBAGE\r\n", "PUB\r\n", "SUB a b c d e\r\n", "PUB a 99999999999\r\n",
        "\r\n\r\nXUB a 1\r\n"};
    oracle_.client(id()).alive = false;
    leaving_ = true;
    trace("talks nonsense");
    say(kNonsense[prng_.below(kNonsense.size())]);
}

void SimClient::lose() {
    end();
    oracle_.client(id()).alive = false;
}

// ---------------------------------------------------------------------------------- receiving

void SimClient::on_end() {
    // Found stale, a slow client may not even hear why: too much lies before it.
    const bool expected = leaving_ || swarm_.may_be_closed() || stopped_reading_ever_ ||
                          swarm_.ping_interval_ns < kCalmPing_ns;
    trace(stream_.was_reset() ? "was reset" : "sees the end");
    if (!expected && !stream_.was_reset()) {
        host_.fail(fmt::format("client {}: closed by the server for no reason", id()));
    } else if (!expected && swarm_.faults.reset_permille == 0) {
        host_.fail(fmt::format("client {}: reset by the server for no reason", id()));
    }
    lose();
}

size_t SimClient::take_frame(std::string_view in) {
    const size_t line_end = in.find("\r\n");
    if (line_end == std::string_view::npos) return 0;
    const std::string_view line = in.substr(0, line_end);
    if (line.starts_with("MSG ")) return take_message(in, line, /*has_headers=*/false);
    if (line.starts_with("HMSG ")) return take_message(in, line, /*has_headers=*/true);
    host_.next_step();
    if (line == "PONG") {
        take_pong();
    } else if (line == "PING") {
        say("PONG\r\n");
    } else if (line == "+OK") {
        ++ok_seen_;
    } else if (line.starts_with("INFO {")) {
        connect();
    } else if (!refusals_expected_.empty() && line.starts_with(refusals_expected_.front())) {
        refusals_expected_.pop_front();
    } else if (line.starts_with("-ERR ")) {
        trace(line);
        // A PONG may be late behind what a slow network still has to carry.
        if (line == "-ERR 'Stale Connection'" && swarm_.ping_interval_ns < kCalmPing_ns) {
            leaving_ = true;
        }
        const bool expected = leaving_ || swarm_.may_be_closed() || stopped_reading_ever_;
        if (!expected) host_.fail(fmt::format("client {}: {}", id(), line));
    } else {
        host_.fail(fmt::format("client {}: not a frame: \"{}\"", id(), line.substr(0, 80)));
    }
    return line_end + 2;
}

size_t SimClient::take_message(std::string_view in, std::string_view line, bool has_headers) {
    const MessageFrame frame = read_message_frame(in, line);
    if (!frame.error.empty()) {
        host_.fail(fmt::format("client {}: {}", id(), frame.error));
        return in.size();
    }
    if (frame.size == 0) return 0;
    host_.next_step();
    trace(fmt::format("got {} [{}]", line, frame.payload.substr(0, 12)));
    const bool from_afar = user().account == kAway && frame.subject.starts_with(kServicePrefix);
    const std::string headers =
        from_afar ? without_request_info(frame.headers) : std::string(frame.headers);
    const ReceivedMessage message{.subject = frame.subject,
                                  .sid = frame.sid,
                                  .reply = frame.reply,
                                  .headers = headers,
                                  .payload = frame.payload};
    const auto at = subscriptions_.find(message.sid);
    if (at == subscriptions_.end()) {
        host_.fail(fmt::format("client {}: \"{}\" for a sid that it does not have", id(), line));
        return frame.size;
    }
    std::string error;
    if (message.headers.starts_with(kNoRespondersHeaders)) {
        error = oracle_.note_no_responders(at->second, message.subject);
    } else if (has_headers && headers != kHeaders && !(from_afar && headers.empty())) {
        error = fmt::format("client {}: odd headers", id());
    } else {
        error = oracle_.note_message(at->second, message);
    }
    if (!error.empty()) {
        host_.fail(error);
    } else if (!message.reply.empty() && percent(40) && !leaving_ && out_.size() < kQueuedMax) {
        publish(std::string(message.reply), "", prng_.below(40), percent(20));
    }
    return frame.size;
}

void SimClient::take_pong() {
    if (fences_.empty()) return host_.fail(fmt::format("client {}: PONG without PING", id()));
    const Fence fence = std::move(fences_.front());
    fences_.pop_front();
    const uint64_t step = host_.next_step();
    if (ok_seen_ != fence.ok_count) {
        host_.fail(fmt::format("client {}: {} +OK instead of {}", id(), ok_seen_, fence.ok_count));
    }
    if (refusals_expected_ever_ - refusals_expected_.size() != fence.refusal_count) {
        host_.fail(fmt::format("client {}: {} is missing", id(), refusals_expected_.front()));
    }
    for (const size_t index : fence.subscribed) oracle_.subscription(index).confirmed_step = step;
    for (const size_t index : fence.limited) oracle_.acknowledge_max(index);
    for (const size_t index : fence.unsubscribed) {
        SubscriptionRecord& record = oracle_.subscription(index);
        record.unsubscribe_acknowledged = true;
        subscriptions_.erase(record.sid);
        free_sids_.push_back(record.sid);
    }
    ClientRecord& record = oracle_.client(id());
    record.fenced_publishes = std::max(record.fenced_publishes, fence.publish_count);
}

bool SimClient::settled() const {
    return gone() || (connected_ && out_.empty() && fences_.empty() && !leaving_);
}

std::string SimClient::describe() const {
    return fmt::format(
        "client {}: {} bytes unsent, {} unread by the server ({} in flight), room for {}, {} PINGs "
        "unanswered, connected {}, leaving {}",
        id(), out_.size(), stream_.unread_size(), stream_.in_flight_size(), stream_.room(),
        fences_.size(), connected_, leaving_);
}

}  // namespace nuring::sim

// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/cluster_client.h"

#include <algorithm>
#include <utility>

#include "core/client/client_records.h"
#include "fmt/format.h"
#include "tests/sim/payload.h"
#include "tests/sim/tenants.h"

namespace nuring::sim {
namespace {

constexpr size_t kClientSubscriptionsMax = 16;  // of one client
constexpr uint64_t kStopMax_ns = 3'000'000'000;

}  // namespace

ClusterClient::ClusterClient(SimClientHost& host, SimNet& net, ClusterOracle& oracle,
                             const ClusterDraw& draw, uint64_t seed, uint32_t server, uint16_t port)
    : SimConnection(host, net, seed, port), oracle_(oracle), draw_(draw) {
    ClusterOracle::Client record;
    record.server = server;
    record.account = prng_.below(static_cast<uint32_t>(draw.accounts));
    record.echo = percent(80);
    record.no_responders = percent(50);
    publisher_ = draw.publisher_percent != 0 && percent(draw.publisher_percent);
    if (publisher_) record.no_responders = false;
    mover_ = !publisher_ && draw.mover_percent != 0 && percent(draw.mover_percent);
    if (mover_) record.echo = true;
    begin(oracle.add_client(std::move(record)));
    trace(fmt::format("connects to server {}", server));
}

// ------------------------------------------------------------------------------------ sending

void ClusterClient::connect() {
    if (connected_) return;
    connected_ = true;
    const ClusterOracle::Client& record = oracle_.client(id());
    std::string login;
    if (draw_.accounts > 1) {
        login = fmt::format(",\"user\":\"{}\",\"pass\":\"{}\"", kAccountNames[record.account],
                            kSimPassword);
    }
    say(
        fmt::format("CONNECT {{\"verbose\":false,\"pedantic\":false,\"echo\":{},\"headers\":true,"
                    "\"no_responders\":{},\"protocol\":1,\"lang\":\"sim\"{}}}\r\n",
                    record.echo, record.no_responders, login));
    if (record.no_responders || (!publisher_ && percent(30))) {
        subscribe(fmt::format("_R.{}.*", id()), "");
        oracle_.client(id()).inbox = oracle_.subscriptions().size() - 1;
    }
    fence();
}

void ClusterClient::fence() {
    if (gone() || !connected_) return;
    open_fence_.publish_count = static_cast<uint32_t>(oracle_.client(id()).publishes.size());
    fences_.push_back(std::exchange(open_fence_, {}));
    host_.next_step();
    say("PING\r\n");
}

std::string ClusterClient::random_subject() {
    std::string subject;
    append_subject(static_cast<uint32_t>(draw_.tokens), &subject);
    return subject;
}

std::string ClusterClient::random_pattern() {
    std::string pattern;
    append_pattern(static_cast<uint32_t>(draw_.tokens), &pattern);
    return pattern;
}

void ClusterClient::subscribe(const std::string& pattern, const std::string& queue) {
    ClusterOracle::Subscription record;
    record.client = id();
    record.pattern = pattern;
    record.queue = queue;
    record.sid = std::to_string(next_sid_++);
    record.sent_ns = net_.now_ns();
    const std::string sid = record.sid;
    const size_t index = oracle_.add_subscription(std::move(record));
    subscriptions_[sid] = index;
    open_fence_.subscribed.push_back(index);
    host_.next_step();
    trace(fmt::format("SUB {} {} {}", pattern, queue, sid));
    say(queue.empty() ? fmt::format("SUB {} {}\r\n", pattern, sid)
                      : fmt::format("SUB {} {} {}\r\n", pattern, queue, sid));
}

void ClusterClient::unsubscribe() {
    if (subscriptions_.empty()) return;
    auto at = subscriptions_.begin();
    std::advance(at, prng_.below(static_cast<uint32_t>(subscriptions_.size())));
    const size_t index = at->second;
    ClusterOracle::Subscription& record = oracle_.subscription(index);
    if (record.unsubscribed_ns != ClusterOracle::kNever || index == oracle_.client(id()).inbox)
        return;
    host_.next_step();
    if (record.max == 0 && percent(mover_ ? 5 : 25)) {
        record.max = 1 + prng_.below(20);
        open_fence_.limited.push_back(index);
        trace(fmt::format("UNSUB {} {}", record.sid, record.max));
        say(fmt::format("UNSUB {} {}\r\n", record.sid, record.max));
    } else {
        record.unsubscribed_ns = net_.now_ns();
        open_fence_.unsubscribed.push_back(index);
        trace(fmt::format("UNSUB {}", record.sid));
        say(fmt::format("UNSUB {}\r\n", record.sid));
    }
}

void ClusterClient::publish(const std::string& subject, const std::string& reply) {
    ClusterOracle::Publish record;
    record.subject = subject;
    record.reply = reply;
    const auto most = static_cast<uint32_t>(std::max<uint64_t>(draw_.payload, 40));
    record.payload_size =
        std::max(percent(70) ? prng_.below(40) : prng_.below(most), kPayloadSizeMin);
    record.at_ns = net_.now_ns();
    host_.next_step();
    const std::string payload = oracle_.add_publish(id(), std::move(record));
    trace(fmt::format("PUB {} {} {} number {}", subject, reply, payload.size(),
                      oracle_.client(id()).publishes.size() - 1));
    say(fmt::format("PUB {} {}{} {}\r\n{}\r\n", subject, reply, reply.empty() ? "" : " ",
                    payload.size(), payload));
}

// Still a mover with one subscription more.
bool ClusterClient::may_add() const {
    if (subscriptions_.empty()) return true;
    const bool has_queue = !oracle_.subscription(subscriptions_.begin()->second).queue.empty();
    return !has_queue && subscriptions_.size() < client::kMovedSubscriptionsMax;
}

void ClusterClient::publish_some() {
    const std::string subject = random_subject();
    if (oracle_.client(id()).inbox != SIZE_MAX && percent(draw_.request_percent)) {
        return publish(subject, fmt::format("_R.{}.{}", id(), next_request_++));
    }
    const uint32_t count = 1 + prng_.below(static_cast<uint32_t>(draw_.burst));
    for (uint32_t i = 0; i < count && out_.size() < kQueuedMax; ++i) publish(subject, "");
}

bool ClusterClient::act() {
    if (gone() || !connected_ || out_.size() >= kQueuedMax) return false;
    if (permille(draw_.leave_permille)) {
        percent(50) ? stream_.reset() : stream_.close();
        lose("leaves");
        return true;
    }
    if (permille(draw_.stop_reading_permille)) {
        uint64_t& since_ns = oracle_.client(id()).stopped_reading_ns;
        since_ns = std::min(since_ns, net_.now_ns());
        stop_reading(0, kStopMax_ns);
    } else if (publisher_ && !percent(5)) {
        if (percent(40)) unsubscribe();
        publish_some();
    } else if (subscriptions_.size() < 2 || percent(draw_.churn_percent)) {
        if (mover_ && !may_add()) {
            unsubscribe();
        } else if (subscriptions_.size() >= 2 &&
                   (percent(50) || subscriptions_.size() >= kClientSubscriptionsMax)) {
            unsubscribe();
        } else {
            const bool queue = percent(draw_.queue_percent) && (!mover_ || subscriptions_.empty());
            subscribe(random_pattern(), queue ? (percent(50) ? "q" : "r") : "");
        }
    } else {
        publish_some();
    }
    if (percent(60)) fence();
    return true;
}

void ClusterClient::lose(std::string_view why) {
    trace(why);
    oracle_.client(id()).end_ns = net_.now_ns();
    end();
}

// ---------------------------------------------------------------------------------- receiving

void ClusterClient::on_end() {
    lose(stream_.was_reset() ? "was reset" : "sees the end");
}

size_t ClusterClient::take_frame(std::string_view in) {
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
    } else if (line.starts_with("INFO {")) {
        connect();
    } else if (line.starts_with("-ERR ")) {
        trace(line);
        take_error(line);
    } else {
        host_.fail(fmt::format("client {}: not a frame: \"{}\"", id(), line.substr(0, 80)));
    }
    return line_end + 2;
}

// -ERR 'Permissions Violation for Subscription to "PATTERN"', then: using queue "QUEUE"; or, of one
// that was there before: (sid "SID").
void ClusterClient::take_error(std::string_view line) {
    constexpr std::string_view kDenied = "-ERR 'Permissions Violation for Subscription to ";
    if (!line.starts_with(kDenied)) return;
    const auto quoted_after = [&](std::string_view text) {
        const size_t at = line.find(text);
        if (at == std::string_view::npos) return std::string_view();
        const std::string_view rest = line.substr(at + text.size());
        return rest.substr(0, rest.find('"'));
    };
    const std::string_view pattern = quoted_after("to \"");
    const std::string_view queue = quoted_after("queue \"");
    const std::string_view ended = quoted_after("(sid \"");
    // Nothing tells two alike apart that were refused.
    for (const auto& [sid, index] : subscriptions_) {
        const ClusterOracle::Subscription& each = oracle_.subscription(index);
        if (ended.empty() ? each.pattern != pattern || each.queue != queue : sid != ended) continue;
        if (const std::string error = oracle_.note_denied(index); !error.empty()) host_.fail(error);
    }
}

size_t ClusterClient::take_message(std::string_view in, std::string_view line, bool has_headers) {
    const MessageFrame frame = read_message_frame(in, line);
    if (!frame.error.empty()) {
        host_.fail(fmt::format("client {}: {}", id(), frame.error));
        return in.size();
    }
    if (frame.size == 0) return 0;
    host_.next_step();
    trace(fmt::format("got {} [{}]", line, in.substr(line.size() + 2, 12)));
    const auto at = subscriptions_.find(frame.sid);
    std::string error;
    if (at == subscriptions_.end()) {
        error = fmt::format("client {}: \"{}\" for a sid that it does not have", id(), line);
    } else if (has_headers) {
        error = frame.headers.starts_with("NATS/1.0 503")
                    ? oracle_.note_no_responders(id(), frame.subject)
                    : fmt::format("client {}: headers that nobody sent", id());
    } else {
        const ReceivedMessage message{.subject = frame.subject,
                                      .sid = frame.sid,
                                      .reply = frame.reply,
                                      .headers = {},
                                      .payload = frame.payload};
        error = oracle_.note_message(at->second, message, net_.now_ns());
        if (error.empty() && !message.reply.empty() && percent(40) && out_.size() < kQueuedMax) {
            publish(std::string(message.reply), "");
        }
    }
    if (!error.empty()) host_.fail(error);
    return frame.size;
}

void ClusterClient::take_pong() {
    if (fences_.empty()) return host_.fail(fmt::format("client {}: PONG without PING", id()));
    const Fence fence = std::move(fences_.front());
    fences_.pop_front();
    host_.next_step();
    const uint64_t now_ns = net_.now_ns();
    for (const size_t index : fence.subscribed) oracle_.subscription(index).confirmed_ns = now_ns;
    for (const size_t index : fence.limited) oracle_.acknowledge_max(index);
    for (const size_t index : fence.unsubscribed) {
        oracle_.subscription(index).unsubscribe_acknowledged = true;
        subscriptions_.erase(oracle_.subscription(index).sid);
    }
    std::vector<ClusterOracle::Publish>& publishes = oracle_.client(id()).publishes;
    for (; handled_count_ < fence.publish_count; ++handled_count_) {
        publishes[handled_count_].handled_ns = now_ns;
    }
}

std::string ClusterClient::describe() const {
    return fmt::format(
        "client {} on server {}: {} bytes unsent, {} unread by the server, {} PINGs unanswered, "
        "connected {}",
        id(), oracle_.client(id()).server, out_.size(), stream_.unread_size(), fences_.size(),
        connected_);
}

}  // namespace nuring::sim

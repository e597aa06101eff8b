// SPDX-License-Identifier: Apache-2.0
// Route: messages, both ways.
#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "cluster/route.h"
#include "cluster/routes.h"
#include "core/base/block_copy.h"
#include "core/link/delivery.h"
#include "fmt/format.h"
#include "proto/encode_client.h"
#include "proto/encode_route.h"
#include "proto/quote.h"
#include "proto/subject.h"

namespace nuring::cluster {
namespace {

// Input that one run may cover, as of a client.
constexpr size_t kRunBytesMax = 32 * 1024;

// Heads up to this are built on the stack.
constexpr size_t kStackHeadMax = 512;

}  // namespace

// --------------------------------------------------------------------------------- coming in

// Messages with one control line behind one another are a run (link/message_run.h). False: the route was
// paused and consumes the same input later.
bool Route::publish(const char* begin, const char* end, proto::RouteOperation& operation, size_t* used) {
    if (tracing_) trace_in(operation);
    const size_t stride = operation.consumed;
    *used = stride;
    account::Account* account = is_registered_ ? find_account(operation.account) : nullptr;
    if (account == nullptr) {
        links_.log.debug("{} - Unknown account {} for routed message on subject: {}", label(),
                         proto::quote(operation.account), proto::quote(operation.subject));
        return true;
    }
    if (operation.subject.size() + operation.reply.size() > link::kNamesSizeMax) return true;
    link::MessageRun run;
    run.subject = operation.subject;
    run.reply = operation.reply;
    run.header_size = operation.header_size;
    run.total_size = operation.total_size;
    run.count = 1;
    run.stride = stride;
    if (operation.canonical) [[likely]] {
        const std::string_view tail = operation.frame_tail();
        run.tail = tail.data();
        run.tail_size = tail.size();
        const char* next = begin + stride;
        const char* last = std::min(end, begin + std::max(kRunBytesMax, stride));
        while (!tracing_ && static_cast<size_t>(last - next) >= stride && next[stride - 1] == '\n' &&
               next[stride - 2] == '\r' && base::block_equal(begin, next, operation.line_size)) {
            next += stride;
            ++run.count;
        }
    } else {
        const std::string_view payload(operation.payload, operation.total_size);
        run = link::frame_message({.subject = operation.subject,
                                   .reply = operation.reply,
                                   .headers = payload.substr(0, operation.header_size),
                                   .body = payload.substr(operation.header_size)},
                                  &links_.scratch);
    }
    // One word after the prefix: a server before 2.1.2.
    if (operation.reply.starts_with(proto::kServiceReplyPrefix) &&
        operation.reply.find('.', proto::kServiceReplyPrefix.size()) == std::string_view::npos) [[unlikely]] {
        await_answer(*account, operation.reply);
    }
    const interest::MatchEntry& entry = match(*account, run.subject);
    const interest::MatchResult& matched = entry.result();
    if (matched.has_services()) run.count = 1;
    if (!link::make_room(links_, *this, matched, &run)) return false;

    const interest::MatchPin pin(entry);
    const link::Publisher publisher{
        .link = handle(), .kind = proto::Kind::kRoute, .queues = operation.queues};
    if (matched.has_services()) [[unlikely]] {
        const link::ServiceSource source{.publisher = publisher, .account = *account, .entry = entry};
        if (!links_.services.prepare(source, run, this)) return false;
    }
    *used = run.count * stride;
    const uint64_t bytes = uint64_t{run.count} * run.total_size;
    last_activity_ns_ = links_.ring.now_ns();
    traffic_.in_messages += run.count;
    traffic_.in_bytes += bytes;
    links_.counters.in_messages += run.count;
    links_.counters.in_bytes += bytes;
    links_.counters.of_peers.in_messages += run.count;
    links_.counters.of_peers.in_bytes += bytes;
    if (matched.has_services()) [[unlikely]] {
        (void)links_.services.deliver();
    } else if (!matched.empty()) {
        (void)link::deliver_run(links_, publisher, *account, matched, run);
    }
    return true;
}

const interest::MatchEntry& Route::match(account::Account& account, std::string_view subject) {
    interest::Sublist& sublist = account.sublist();
    if (memo_.current() && memo_.entry().sublist() == &sublist && memo_.entry().is_of(subject)) {
        return memo_.entry();
    }
    const interest::MatchEntry& entry = links_.cache.find(sublist, subject);
    memo_ = interest::MatchMemo(entry);
    return entry;
}

// --------------------------------------------------------------------------------- going out

// RMSG <account> <subject> and the tail as it came; with groups, their names come first, and the reply
// before them, so that the tail begins behind it.
void Route::deliver_to_peer(account::Account& account, const link::MessageRun& run, std::string_view queues) {
    if (!open() || !settings_->may_leave(run.subject)) return;
    link::MessageRun rest = run;
    const std::string& name = account.name();
    const size_t head_size = sizeof("HMSG   + ") + name.size() + run.subject.size() + run.reply.size() + 1 +
                             queues.size();
    std::array<char, kStackHeadMax + base::kBlockBytes> stack;
    std::string heap;
    char* head = stack.data();
    if (head_size > kStackHeadMax) {
        heap.resize(head_size + base::kBlockBytes);
        head = heap.data();
    }
    const bool strip = run.header_size != 0 && !remote_info_.headers;
    char* out = head;
    std::memcpy(out, run.header_size != 0 && !strip ? "HMSG " : "RMSG ", 5);
    out = proto::append_short(out + 5, name);
    *out++ = ' ';
    out = proto::append_short(out, run.subject);
    if (!queues.empty()) {
        *out++ = ' ';
        *out++ = run.reply.empty() ? '|' : '+';
        if (!run.reply.empty()) {
            *out++ = ' ';
            out = proto::append_short(out, run.reply);
            const size_t skipped = 1 + run.reply.size();
            rest.tail += skipped;
            rest.tail_size -= skipped;
        }
        *out++ = ' ';
        out = proto::append_short(out, queues);
    }
    const std::string_view text(head, static_cast<size_t>(out - head));
    if (links_.log.trace_enabled()) [[unlikely]] {
        const std::string_view sizes(rest.tail, static_cast<size_t>(run.payload() - 2 - rest.tail));
        for (uint32_t i = 0; i < run.count; ++i) links_.log.trace("{} - ->> [{}{}]", label(), text, sizes);
    }
    if (strip) {
        append_stripped(text, queues.empty() ? run.reply : std::string_view(), run);
    } else {
        outbound_.append_frames(text, rest, run.count);
    }
    const uint32_t body = strip ? run.total_size - run.header_size : run.total_size;
    const uint64_t bytes = uint64_t{run.count} * body;
    last_activity_ns_ = links_.ring.now_ns();
    traffic_.out_messages += run.count;
    traffic_.out_bytes += bytes;
    links_.counters.out_messages += run.count;
    links_.counters.out_bytes += bytes;
    links_.counters.of_peers.out_messages += run.count;
    links_.counters.of_peers.out_bytes += bytes;
    mark_dirty();
    if (!awaited_.empty()) [[unlikely]] answered(account, run.subject);
    if (pending_bytes() > links_.limits.max_pending_bytes) [[unlikely]] links_.slow_consumer_pending(*this);
}

// A server without headers gets the body alone.
void Route::append_stripped(std::string_view head, std::string_view reply, const link::MessageRun& run) {
    const uint32_t body_size = run.total_size - run.header_size;
    const std::string line = fmt::format("{}{}{} {}\r\n", head, reply.empty() ? "" : " ", reply, body_size);
    for (uint32_t i = 0; i < run.count; ++i) {
        outbound_.append(line);
        outbound_.append({run.payload() + i * run.stride + run.header_size, body_size + 2});
    }
}

}  // namespace nuring::cluster

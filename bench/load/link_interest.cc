// SPDX-License-Identifier: Apache-2.0
#include "bench/load/link_interest.h"

#include <poll.h>

#include "bench/load/clock.h"
#include "bench/load/fatal.h"
#include "bench/load/frames.h"

namespace nuring::bench {
namespace {

constexpr std::string_view kSid = "999999999";
constexpr uint64_t kProbePatienceNs = 10 * kNsPerSecond;
constexpr int kRetryMs = 5;

}  // namespace

void await_interest(Wire* publisher, std::span<Wire* const> receivers) {
    for (size_t i = 0; i < receivers.size(); ++i) {
        Wire* receiver = receivers[i];
        const std::string subject = fmt::format("probe.{}.{}", receiver->fd(), now_ns());
        receiver->send_all(fmt::format("SUB {} {}\r\n", subject, kSid));
        const uint64_t deadline = now_ns() + kProbePatienceNs;
        for (uint64_t count = 0; count == 0;) {
            if (now_ns() > deadline) fatal("the linked server does not learn of the subscriptions");
            publisher->send_all(publish_frame(subject, "", "probe"));
            pollfd entry{.fd = receiver->fd(), .events = POLLIN, .revents = 0};
            poll(&entry, 1, kRetryMs);
            count = receiver->receive([](const Delivery&) {});
        }
        // Probes that are still under way meet no subscription, or come before this PONG.
        receiver->send_all(fmt::format("UNSUB {}\r\n", kSid));
        receiver->flush();
    }
}

}  // namespace nuring::bench

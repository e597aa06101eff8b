// SPDX-License-Identifier: Apache-2.0
// The C client (libnats) between two clusters: messages in order, answers that are quicker than the interest
// in them, queue groups with members in both.
//
// usage: nats-c-across NEAR_URL FAR_URL
//
// Prints `PASS <scenario>` for each, or `FAIL <scenario>: <why>` and ends.
#include <nats/nats.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include "tests/e2e/nats_c/client.h"

namespace {

using namespace nats_c;

struct Ends {
    Connection near;
    Connection far;
};

// What was subscribed at one end before is known at the other.
void sync(const Connection& subscriber, const Connection& publisher, const char* probe) {
    const auto subscription = subscribe(subscriber, probe);
    for (int i = 0; i < 500; ++i) {
        publish(publisher, probe, "?");
        check(natsConnection_Flush(publisher.get()), "Flush");
        natsMsg* message = nullptr;
        const natsStatus status = natsSubscription_NextMsg(&message, subscription.get(), 20);
        if (status == NATS_OK) {
            natsMsg_Destroy(message);
            return;
        }
        check(status == NATS_TIMEOUT, "NextMsg");
    }
    fail("sync", "the interest does not arrive");
}

Subscription queue_member(const Connection& connection, const char* subject) {
    natsSubscription* made = nullptr;
    check(natsConnection_QueueSubscribeSync(&made, connection.get(), subject, "group"), "Queue");
    check(natsConnection_Flush(connection.get()), "Flush");
    return Subscription(made);
}

uint64_t pending_of(const Subscription& subscription) {
    uint64_t pending = 0;
    check(natsSubscription_QueuedMsgs(subscription.get(), &pending), "QueuedMsgs");
    return pending;
}

void order(const Ends& ends) {
    for (const auto& [from, to] : {std::pair(&ends.near, &ends.far), std::pair(&ends.far, &ends.near)}) {
        const auto subscription = subscribe(*to, "x.plain");
        sync(*to, *from, "x.probe.plain");
        for (int i = 0; i < 1000; ++i) publish(*from, "x.plain", std::to_string(i));
        for (int i = 0; i < 1000; ++i) {
            check(text_of(next(subscription)) == std::to_string(i), "messages in order");
        }
    }
}

// Each request comes from a connection of its own, whose inbox the other cluster cannot know yet.
void request_reply(const Ends& ends, const char* near_url) {
    natsSubscription* made = nullptr;
    check(natsConnection_Subscribe(&made, ends.far.get(), "x.echo", echo, nullptr), "Subscribe");
    const Subscription subscription(made);
    check(natsConnection_Flush(ends.far.get()), "Flush");
    sync(ends.far, ends.near, "x.probe.echo");
    for (int i = 0; i < 50; ++i) {
        const auto client = connect(default_options(near_url));
        for (int j = 0; j < 3; ++j) {
            natsMsg* reply = nullptr;
            const auto text = std::to_string(10 * i + j);
            check(natsConnection_RequestString(&reply, client.get(), "x.echo", text.c_str(), kWaitMs), "Request");
            check(text_of(Message(reply)) == text, "reply");
        }
    }
}

void queue_group(const Ends& ends) {
    constexpr int kMessages = 200;
    auto near = queue_member(ends.near, "x.queue");
    const auto far = queue_member(ends.far, "x.queue");
    sync(ends.far, ends.near, "x.probe.queue");
    for (int i = 0; i < kMessages; ++i) publish(ends.near, "x.queue", "x");
    check(natsConnection_Flush(ends.near.get()), "Flush");
    for (int i = 0; i < kMessages; ++i) next(near);
    check(pending_of(near) == 0, "each message once");
    check(pending_of(far) == 0, "the own cluster comes first");
    check(natsSubscription_Unsubscribe(near.get()), "Unsubscribe");
    check(natsConnection_Flush(ends.near.get()), "Flush");
    for (int i = 0; i < kMessages; ++i) publish(ends.near, "x.queue", std::to_string(i));
    for (int i = 0; i < kMessages; ++i) check(text_of(next(far)) == std::to_string(i), "the other cluster, in order");
    sync(ends.far, ends.near, "x.probe.end");
    check(pending_of(far) == 0, "each message once");
}

void no_responders(const Ends& ends) {
    natsMsg* reply = nullptr;
    const auto status = natsConnection_RequestString(&reply, ends.near.get(), "x.nobody", "x", kWaitMs);
    check(status == NATS_NO_RESPONDERS, "NATS_NO_RESPONDERS");
}

void passed() {
    std::printf("PASS %s\n", scenario);
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: %s NEAR_URL FAR_URL\n", argv[0]);
        return 2;
    }
    {
        const Ends ends{connect(default_options(argv[1])), connect(default_options(argv[2]))};
        scenario = "order";
        order(ends);
        passed();
        scenario = "request_reply";
        request_reply(ends, argv[1]);
        passed();
        scenario = "queue_group";
        queue_group(ends);
        passed();
        scenario = "no_responders";
        no_responders(ends);
        passed();
    }
    nats_Close();
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Scenarios for the C client (libnats) against a running server; ../README.md has the list.
//
// usage: nats-c-scenarios URL
//
// Prints one line per scenario, `PASS <name>` or `FAIL <name>: <why>`. Before `reconnect` it prints
// `RESTART`: the runner then restarts the server on the same port.

#include <nats/nats.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "tests/e2e/nats_c/client.h"

namespace {

using namespace nats_c;

constexpr int kLargePayload = 1 << 20;

void count_message(natsConnection*, natsSubscription*, natsMsg* message, void* count) {
    ++*static_cast<std::atomic<int>*>(count);
    natsMsg_Destroy(message);
}

void connects(const Options& options) {
    const auto connection = connect(options);
    check(natsConnection_Status(connection.get()) == NATS_CONN_STATUS_CONNECTED, "connected");
    check(natsConnection_GetMaxPayload(connection.get()) == kLargePayload, "max_payload of INFO");
}
void publish_subscribe(const Options& options) {
    const auto sender = connect(options);
    const auto receiver = connect(options);
    const auto subscription = subscribe(receiver, "c.plain");
    for (int i = 0; i < 1000; ++i) publish(sender, "c.plain", std::to_string(i));
    for (int i = 0; i < 1000; ++i) {
        check(text_of(next(subscription)) == std::to_string(i), "messages in order");
    }
}
void wildcard(const Options& options) {
    const auto connection = connect(options);
    const auto star = subscribe(connection, "c.wild.*.end");
    const auto rest = subscribe(connection, "c.wild.>");
    publish(connection, "c.wild.a.b", "1");
    publish(connection, "c.wild.a.end", "2");
    check(text_of(next(star)) == "2", "star");
    check(text_of(next(rest)) == "1", "rest, first");
    check(text_of(next(rest)) == "2", "rest, second");
}
void queue_group(const Options& options) {
    constexpr int kMessages = 300;
    constexpr int kMembers = 3;
    const auto sender = connect(options);
    const auto receiver = connect(options);
    Subscription members[kMembers];
    for (auto& member : members) {
        natsSubscription* made = nullptr;
        check(natsConnection_QueueSubscribeSync(&made, receiver.get(), "c.queue", "group"), "Queue");
        member.reset(made);
    }
    check(natsConnection_Flush(receiver.get()), "Flush");
    for (int i = 0; i < kMessages; ++i) publish(sender, "c.queue", "x");
    check(natsConnection_Flush(sender.get()), "Flush");
    check(natsConnection_Flush(receiver.get()), "Flush");
    uint64_t total = 0;
    for (auto& member : members) {
        uint64_t pending = 0;
        check(natsSubscription_QueuedMsgs(member.get(), &pending), "QueuedMsgs");
        check(pending > 0, "every member gets a share");
        total += pending;
    }
    check(total == kMessages, "each message goes to one member");
}
void request_reply(const Options& options) {
    const auto server = connect(options);
    const auto client = connect(options);
    natsSubscription* made = nullptr;
    check(natsConnection_Subscribe(&made, server.get(), "c.echo", echo, nullptr), "Subscribe");
    const Subscription subscription(made);
    check(natsConnection_Flush(server.get()), "Flush");
    for (int i = 0; i < 100; ++i) {
        natsMsg* reply = nullptr;
        const auto text = std::to_string(i);
        check(natsConnection_RequestString(&reply, client.get(), "c.echo", text.c_str(), kWaitMs),
              "Request");
        check(text_of(Message(reply)) == text, "reply");
    }
}
void headers(const Options& options) {
    const auto connection = connect(options);
    const auto subscription = subscribe(connection, "c.headers");
    natsMsg* made = nullptr;
    check(natsMsg_Create(&made, "c.headers", nullptr, "body", 4), "natsMsg_Create");
    const Message sent(made);
    check(natsMsgHeader_Set(sent.get(), "Key", "one"), "natsMsgHeader_Set");
    check(natsMsgHeader_Add(sent.get(), "Key", "two"), "natsMsgHeader_Add");
    check(natsConnection_PublishMsg(connection.get(), sent.get()), "PublishMsg");
    const auto got = next(subscription);
    const char** values = nullptr;
    int count = 0;
    check(natsMsgHeader_Values(got.get(), "Key", &values, &count), "natsMsgHeader_Values");
    check(count == 2 && std::string_view(values[0]) == "one" && std::string_view(values[1]) == "two",
          "both values");
    std::free(static_cast<void*>(values));
    check(text_of(got) == "body", "body");
}
void no_responders(const Options& options) {
    const auto connection = connect(options);
    natsMsg* reply = nullptr;
    const auto status =
        natsConnection_RequestString(&reply, connection.get(), "c.nobody", "x", kWaitMs);
    check(status == NATS_NO_RESPONDERS, "NATS_NO_RESPONDERS");
}
void drain(const Options& options) {
    constexpr int kMessages = 1000;
    const auto sender = connect(options);
    Event closed;
    check(natsOptions_SetClosedCB(options.get(), raise_event, &closed), "SetClosedCB");
    const auto receiver = connect(options);
    std::atomic<int> count = 0;
    natsSubscription* made = nullptr;
    check(natsConnection_Subscribe(&made, receiver.get(), "c.drain", count_message, &count),
          "Subscribe");
    const Subscription subscription(made);
    check(natsConnection_Flush(receiver.get()), "Flush");
    for (int i = 0; i < kMessages; ++i) publish(sender, "c.drain", "x");
    check(natsConnection_Flush(sender.get()), "Flush");
    check(natsConnection_Drain(receiver.get()), "Drain");
    check(closed.wait(), "drain ends in close");
    check(count == kMessages, "nothing is lost");
}
void large_payload(const Options& options) {
    const auto connection = connect(options);
    const auto subscription = subscribe(connection, "c.large");
    std::string text(kLargePayload, '\0');
    for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 7);
    publish(connection, "c.large", text);
    check(text_of(next(subscription)) == text, "payload unchanged");
}
void reconnect(const Options& options) {
    Event reconnected;
    check(natsOptions_SetReconnectedCB(options.get(), raise_event, &reconnected), "SetReconnectedCB");
    const auto connection = connect(options);
    const auto subscription = subscribe(connection, "c.again");
    std::printf("RESTART\n");
    std::fflush(stdout);
    check(reconnected.wait(), "reconnected");
    publish(connection, "c.again", "x");
    check(text_of(next(subscription)) == "x", "the subscription lives on");
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: %s URL\n", argv[0]);
        return 2;
    }
    const std::pair<const char*, void (*)(const Options&)> scenarios[] = {
        {"connect", connects},
        {"publish_subscribe", publish_subscribe},
        {"wildcard", wildcard},
        {"queue_group", queue_group},
        {"request_reply", request_reply},
        {"headers", headers},
        {"no_responders", no_responders},
        {"drain", drain},
        {"large_payload", large_payload},
        {"reconnect", reconnect},
    };
    for (const auto& [name, run] : scenarios) {
        scenario = name;
        run(default_options(argv[1]));
        std::printf("PASS %s\n", name);
        std::fflush(stdout);
    }
    nats_Close();
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Scenarios for the C client (libnats) against a running server; ../README.md has the list.
//
// usage: nats-c-scenarios URL
//
// Prints one line per scenario, `PASS <name>` or `FAIL <name>: <why>`. Before `reconnect` it prints
// `RESTART`: the runner then restarts the server on the same port.

#include <nats/nats.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace {

constexpr int64_t kWaitMs = 10'000;
constexpr int kLargePayload = 1 << 20;

template <auto destroy>
struct Destroyer {
    template <typename T>
    void operator()(T* object) const {
        destroy(object);
    }
};
using Options = std::unique_ptr<natsOptions, Destroyer<natsOptions_Destroy>>;
using Connection = std::unique_ptr<natsConnection, Destroyer<natsConnection_Destroy>>;
using Subscription = std::unique_ptr<natsSubscription, Destroyer<natsSubscription_Destroy>>;
using Message = std::unique_ptr<natsMsg, Destroyer<natsMsg_Destroy>>;

// Ends the program with FAIL as soon as something is wrong: no scenario can hide an earlier one.
const char* scenario = "";

[[noreturn]] void fail(const char* what, const char* why) {
    std::printf("FAIL %s: %s: %s\n", scenario, what, why);
    std::fflush(stdout);
    std::_Exit(1);
}
void check(natsStatus status, const char* what) {
    if (status != NATS_OK) fail(what, natsStatus_GetText(status));
}
void check(bool good, const char* what) {
    if (!good) fail(what, "not so");
}

// Raised by callbacks of the library's threads.
struct Event {
    std::mutex mutex;
    std::condition_variable changed;
    bool raised = false;

    void raise() {
        const std::lock_guard lock(mutex);
        raised = true;
        changed.notify_all();
    }
    bool wait() {
        std::unique_lock lock(mutex);
        return changed.wait_for(lock, std::chrono::milliseconds(kWaitMs), [this] { return raised; });
    }
};

Options default_options(const char* url) {
    natsOptions* made = nullptr;
    check(natsOptions_Create(&made), "natsOptions_Create");
    Options options(made);
    check(natsOptions_SetURL(made, url), "natsOptions_SetURL");
    check(natsOptions_SetReconnectWait(made, 20), "natsOptions_SetReconnectWait");
    check(natsOptions_SetReconnectJitter(made, 0, 0), "natsOptions_SetReconnectJitter");
    check(natsOptions_SetMaxReconnect(made, 500), "natsOptions_SetMaxReconnect");
    if (const char* authority = std::getenv("NATS_CA")) {
        check(natsOptions_SetSecure(made, true), "natsOptions_SetSecure");
        check(natsOptions_LoadCATrustedCertificates(made, authority), "LoadCATrustedCertificates");
    }
    if (const char* certificate = std::getenv("NATS_CERT")) {
        check(natsOptions_LoadCertificatesChain(made, certificate, std::getenv("NATS_KEY")),
              "LoadCertificatesChain");
    }
    if (const char* credentials = std::getenv("NATS_CREDS")) {
        check(natsOptions_SetUserCredentialsFromFiles(made, credentials, nullptr), "credentials");
    }
    if (const char* nkey = std::getenv("NATS_NKEY")) {
        check(natsOptions_SetNKeyFromSeed(made, nkey, std::getenv("NATS_SEED")), "nkey");
    }
    if (const char* user = std::getenv("NATS_USER")) {
        check(natsOptions_SetUserInfo(made, user, std::getenv("NATS_PASS")), "user");
    }
    if (const char* token = std::getenv("NATS_TOKEN")) {
        check(natsOptions_SetToken(made, token), "token");
    }
    return options;
}
// libnats 3.4.1 signs about one nonce in 200 in a way that no server takes (nats-server 2.9.10 refuses as
// many as this server), so a refusal of an nkey is tried again; with a wrong key every attempt fails.
Connection connect(const Options& options) {
    const bool signs = std::getenv("NATS_CREDS") != nullptr || std::getenv("NATS_NKEY") != nullptr;
    natsConnection* made = nullptr;
    natsStatus status = natsConnection_Connect(&made, options.get());
    for (int retry = 0; signs && status == NATS_CONNECTION_AUTH_FAILED && retry < 4; ++retry) {
        std::printf("refused, trying again\n");
        status = natsConnection_Connect(&made, options.get());
    }
    check(status, "natsConnection_Connect");
    return Connection(made);
}
Subscription subscribe(const Connection& connection, const char* subject) {
    natsSubscription* made = nullptr;
    check(natsConnection_SubscribeSync(&made, connection.get(), subject), "SubscribeSync");
    check(natsConnection_Flush(connection.get()), "Flush");
    return Subscription(made);
}
Message next(const Subscription& subscription) {
    natsMsg* message = nullptr;
    check(natsSubscription_NextMsg(&message, subscription.get(), kWaitMs), "NextMsg");
    return Message(message);
}
void publish(const Connection& connection, const char* subject, std::string_view text) {
    check(natsConnection_Publish(connection.get(), subject, text.data(),
                                 static_cast<int>(text.size())),
          "Publish");
}
std::string_view text_of(const Message& message) {
    return {natsMsg_GetData(message.get()), static_cast<size_t>(natsMsg_GetDataLength(message.get()))};
}
// Answers every request with the request's own text.
void echo(natsConnection* connection, natsSubscription*, natsMsg* message, void*) {
    natsConnection_Publish(connection, natsMsg_GetReply(message), natsMsg_GetData(message),
                           natsMsg_GetDataLength(message));
    natsMsg_Destroy(message);
}
void count_message(natsConnection*, natsSubscription*, natsMsg* message, void* count) {
    ++*static_cast<std::atomic<int>*>(count);
    natsMsg_Destroy(message);
}
void raise_event(natsConnection*, void* event) { static_cast<Event*>(event)->raise(); }

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

// SPDX-License-Identifier: Apache-2.0
// What the programs with the C client (libnats) share: owners of its objects, and its calls with checks.
#pragma once

#include <nats/nats.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace nats_c {

inline constexpr int64_t kWaitMs = 10'000;

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
inline const char* scenario = "";

[[noreturn]] inline void fail(const char* what, const char* why) {
    std::printf("FAIL %s: %s: %s\n", scenario, what, why);
    std::fflush(stdout);
    std::_Exit(1);
}
inline void check(natsStatus status, const char* what) {
    if (status != NATS_OK) fail(what, natsStatus_GetText(status));
}
inline void check(bool good, const char* what) {
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

inline Options default_options(const char* url) {
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
inline Connection connect(const Options& options) {
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
inline Subscription subscribe(const Connection& connection, const char* subject) {
    natsSubscription* made = nullptr;
    check(natsConnection_SubscribeSync(&made, connection.get(), subject), "SubscribeSync");
    check(natsConnection_Flush(connection.get()), "Flush");
    return Subscription(made);
}
inline Message next(const Subscription& subscription) {
    natsMsg* message = nullptr;
    check(natsSubscription_NextMsg(&message, subscription.get(), kWaitMs), "NextMsg");
    return Message(message);
}
inline void publish(const Connection& connection, const char* subject, std::string_view text) {
    check(natsConnection_Publish(connection.get(), subject, text.data(),
                                 static_cast<int>(text.size())),
          "Publish");
}
inline std::string_view text_of(const Message& message) {
    return {natsMsg_GetData(message.get()), static_cast<size_t>(natsMsg_GetDataLength(message.get()))};
}
// Answers every request with the request's own text.
inline void echo(natsConnection* connection, natsSubscription*, natsMsg* message, void*) {
    natsConnection_Publish(connection, natsMsg_GetReply(message), natsMsg_GetData(message),
                           natsMsg_GetDataLength(message));
    natsMsg_Destroy(message);
}
inline void raise_event(natsConnection*, void* event) { static_cast<Event*>(event)->raise(); }

}  // namespace nats_c

// SPDX-License-Identifier: Apache-2.0
// The C client (libnats) in a cluster of three: it learns of the other servers, and goes to one of them when
// its own is gone. No request that was answered is lost, and none is answered by nobody.
//
// usage: nats-c-failover URL OTHER-URL
//
// URL is of the server that will be killed, OTHER-URL of one that stays. Prints `PASS <scenario>` or
// `FAIL <scenario>: <why>`, and `KILL` when the server has to go.

#include <nats/nats.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>

namespace {

constexpr int64_t kWaitMs = 20'000;
constexpr int64_t kRequestMs = 1'000;
constexpr int kRequests = 300;
constexpr int kAttempts = 60;

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
void pass() {
    std::printf("PASS %s\n", scenario);
    std::fflush(stdout);
}

// What the threads of the library see.
struct Seen {
    std::mutex mutex;
    std::condition_variable changed;
    bool reconnected = false;
    std::set<std::string> requests;  // that reached the responder

    bool wait(const std::function<bool()>& good) {
        std::unique_lock lock(mutex);
        return changed.wait_for(lock, std::chrono::milliseconds(kWaitMs), good);
    }
};

natsConnection* connect(const char* url, Seen* seen) {
    natsOptions* options = nullptr;
    check(natsOptions_Create(&options), "natsOptions_Create");
    check(natsOptions_SetURL(options, url), "SetURL");
    check(natsOptions_SetReconnectWait(options, 20), "SetReconnectWait");
    check(natsOptions_SetReconnectJitter(options, 0, 0), "SetReconnectJitter");
    check(natsOptions_SetMaxReconnect(options, 500), "SetMaxReconnect");
    const auto wake = [](natsConnection*, void* closure) {
        auto* heard = static_cast<Seen*>(closure);
        const std::lock_guard lock(heard->mutex);
        heard->changed.notify_all();
    };
    const auto reconnected = [](natsConnection*, void* closure) {
        auto* heard = static_cast<Seen*>(closure);
        const std::lock_guard lock(heard->mutex);
        heard->reconnected = true;
        heard->changed.notify_all();
    };
    check(natsOptions_SetDiscoveredServersCB(options, wake, seen), "SetDiscoveredServersCB");
    check(natsOptions_SetReconnectedCB(options, reconnected, seen), "SetReconnectedCB");
    natsConnection* connection = nullptr;
    check(natsConnection_Connect(&connection, options), "Connect");
    natsOptions_Destroy(options);
    return connection;
}
int discovered(natsConnection* connection) {
    char** urls = nullptr;
    int count = 0;
    check(natsConnection_GetDiscoveredServers(connection, &urls, &count), "GetDiscoveredServers");
    for (int i = 0; i < count; ++i) std::free(urls[i]);
    std::free(static_cast<void*>(urls));
    return count;
}
std::string server_of(natsConnection* connection) {
    char url[256] = "";
    check(natsConnection_GetConnectedUrl(connection, url, sizeof url), "GetConnectedUrl");
    return url;
}
void answer(natsConnection* connection, natsSubscription*, natsMsg* message, void* closure) {
    auto* seen = static_cast<Seen*>(closure);
    {
        const std::lock_guard lock(seen->mutex);
        seen->requests.emplace(natsMsg_GetData(message),
                               static_cast<size_t>(natsMsg_GetDataLength(message)));
    }
    natsConnection_PublishString(connection, natsMsg_GetReply(message), "done");
    natsMsg_Destroy(message);
}
// Until it is answered: what was on its way when the server died may have to be asked again.
void request(natsConnection* connection, const std::string& text) {
    natsStatus status = NATS_ERR;
    const int64_t end_ms = nats_Now() + kAttempts * kRequestMs;
    while (status != NATS_OK && nats_Now() < end_ms) {
        natsMsg* reply = nullptr;
        status = natsConnection_RequestString(&reply, connection, "c.failover", text.c_str(),
                                              kRequestMs);
        natsMsg_Destroy(reply);
        // The interest of the service may still be on its way between the servers.
        if (status == NATS_NO_RESPONDERS) nats_Sleep(10);
    }
    check(status, "a request is answered in the end");
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: %s URL OTHER-URL\n", argv[0]);
        return 2;
    }
    Seen seen;
    Seen unused;
    scenario = "discovery";
    natsConnection* requestor = connect(argv[1], &seen);
    natsConnection* responder = connect(argv[2], &unused);
    check(seen.wait([&] { return discovered(requestor) >= 2; }), "two more servers are discovered");
    pass();

    scenario = "failover";
    const std::string first = server_of(requestor);
    natsSubscription* subscription = nullptr;
    check(natsConnection_Subscribe(&subscription, responder, "c.failover", answer, &seen),
          "Subscribe");
    check(natsConnection_Flush(responder), "Flush");
    for (int i = 0; i < kRequests; ++i) {
        if (i == kRequests / 3) {
            std::printf("KILL\n");
            std::fflush(stdout);
        }
        // The last third is asked at the other server.
        if (i == 2 * kRequests / 3)
            check(seen.wait([&] { return seen.reconnected; }), "reconnected");
        const std::string text = std::to_string(i);
        request(requestor, text);
        const std::lock_guard lock(seen.mutex);
        check(seen.requests.count(text) == 1, "what was answered had arrived");
    }
    check(server_of(requestor) != first, "another server serves");
    pass();
    natsSubscription_Destroy(subscription);
    natsConnection_Destroy(requestor);
    natsConnection_Destroy(responder);
    nats_Close();
    return 0;
}

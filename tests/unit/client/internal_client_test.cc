// SPDX-License-Identifier: Apache-2.0
// The server as a client of its own, over two workers that run turn by turn in one thread.
#include "core/client/internal_client.h"

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "core/log/log.h"
#include "core/server/control_queue.h"
#include "core/server/server.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/held_jobs.h"
#include "tests/unit/runtime/fake_ring.h"

namespace nuring::server {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct InternalClientTest : testing::Test {
    InternalClientTest() {
        log::LoggerOptions log_options;
        log_options.writer_count = 1 + rings.size();
        logger = std::make_unique<log::Logger>(log_options);
        ServerSetup setup;
        setup.jobs = setup.handshake_jobs = setup.lookup_jobs = &jobs;
        setup.options = std::make_shared<const config::Options>();
        for (runtime::FakeRing& ring : rings) setup.rings.push_back(&ring);
        setup.logger = logger.get();
        server = std::make_unique<Server>(std::move(setup));
        system = server->system_account();
    }
    // Enough for a record to go to the other worker and an answer to come back.
    void run_turns() {
        for (int i = 0; i < 6; ++i) {
            server->worker(0).turn();
            server->worker(1).turn();
        }
    }
    client::InternalClient& on(uint32_t worker) { return server->worker_state(worker).internal; }
    client::InternalClient::Handler note(std::string name) {
        return [this, name](const client::InternalMessage& message) {
            heard.push_back(name + ":" + std::string(message.subject) + "|" +
                            std::string(message.reply) + "|" + std::string(message.headers) + "|" +
                            std::string(message.body));
        };
    }

    std::array<runtime::FakeRing, 2> rings;
    std::unique_ptr<log::Logger> logger;
    test::HeldJobs jobs;
    std::unique_ptr<Server> server;
    account::Account* system = nullptr;
    std::vector<std::string> heard;
};

TEST_F(InternalClientTest, AMessageReachesHandlersOnEveryWorker) {
    on(0).subscribe(*system, "a.*", note("zero"));
    on(1).subscribe(*system, "a.b", note("one"));
    on(0).publish({.account = system, .subject = "a.b", .reply = "r", .headers = {}, .body = "hello"});
    EXPECT_THAT(heard, IsEmpty());  // not before the turn ends
    run_turns();
    // Its own subscriptions do not hear it (no echo).
    EXPECT_THAT(heard, ElementsAre("one:a.b|r||hello"));
    heard.clear();
    on(1).publish({.account = system, .subject = "a.b", .reply = {}, .headers = {}, .body = {}});
    run_turns();
    EXPECT_THAT(heard, ElementsAre("zero:a.b|||"));
}

TEST_F(InternalClientTest, HeadersAndBodyComeApart) {
    on(0).subscribe(*system, "a", note("zero"));
    const std::string block = "NATS/1.0\r\nk: v\r\n\r\n";
    on(1).publish({.account = system, .subject = "a", .reply = "r.s", .headers = block, .body = "x"});
    run_turns();
    EXPECT_THAT(heard, ElementsAre("zero:a|r.s|" + block + "|x"));
}

TEST_F(InternalClientTest, ABodyTooLargeForAMailboxArrivesWhole) {
    size_t size = 0;
    on(0).subscribe(*system, "a", [&](const client::InternalMessage& m) { size = m.body.size(); });
    on(1).publish({.account = system,
                   .subject = "a",
                   .reply = {},
                   .headers = {},
                   .body = std::string(size_t{4} << 20, 'x')});
    run_turns();
    EXPECT_EQ(size, size_t{4} << 20);
}

TEST_F(InternalClientTest, AccountsAreSubjectSpacesOfTheirOwn) {
    account::Account& other = server->accounts().find_or_create("other");
    on(0).subscribe(other, ">", note("other"));
    on(1).publish({.account = system, .subject = "a", .reply = {}, .headers = {}, .body = {}});
    run_turns();
    EXPECT_THAT(heard, IsEmpty());
    EXPECT_TRUE(on(1).has_interest(other, "a"));
    EXPECT_FALSE(on(1).has_interest(*system, "a"));
}

TEST_F(InternalClientTest, AHandlerMayEndItsOwnSubscription) {
    const uint64_t count_before = system->sublist().count();
    uint64_t id = 0;
    int calls = 0;
    id = on(0).subscribe(*system, "a", [&](const client::InternalMessage&) {
        ++calls;
        on(0).unsubscribe(id);
    });
    on(1).publish({.account = system, .subject = "a", .reply = {}, .headers = {}, .body = {}});
    on(1).publish({.account = system, .subject = "a", .reply = {}, .headers = {}, .body = {}});
    run_turns();
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(system->sublist().count(), count_before);
}

TEST_F(InternalClientTest, AHandlerMayAnswer) {
    on(0).subscribe(*system, "ask", [&](const client::InternalMessage& message) {
        on(0).publish({.account = &message.account,
                       .subject = std::string(message.reply),
                       .reply = {},
                       .headers = {},
                       .body = "answer"});
    });
    on(1).subscribe(*system, "inbox", note("one"));
    on(1).publish({.account = system, .subject = "ask", .reply = "inbox", .headers = {}, .body = {}});
    run_turns();
    EXPECT_THAT(heard, ElementsAre("one:inbox|||answer"));
}

TEST_F(InternalClientTest, AnAnswerToItselfRunsOncePerTurn) {
    int calls = 0;
    const auto echo = [&](client::InternalClient& link) {
        return [&](const client::InternalMessage& message) {
            ++calls;
            link.publish({.account = system,
                          .subject = std::string(message.subject),
                          .reply = {},
                          .headers = {},
                          .body = {}});
        };
    };
    on(0).subscribe(*system, "ping", echo(on(0)));
    on(1).subscribe(*system, "ping", echo(on(1)));
    on(0).publish({.account = system, .subject = "ping", .reply = {}, .headers = {}, .body = {}});
    run_turns();
    EXPECT_GT(calls, 2);
    EXPECT_LE(calls, 12);
}

TEST_F(InternalClientTest, OneMemberOfAQueueGroupGetsEachMessage) {
    int first = 0;
    int second = 0;
    on(0).subscribe(
        *system, "q", [&](const client::InternalMessage&) { ++first; }, "group");
    on(1).subscribe(
        *system, "q", [&](const client::InternalMessage&) { ++second; }, "group");
    for (int i = 0; i < 40; ++i) {
        on(0).publish({.account = system, .subject = "q", .reply = {}, .headers = {}, .body = {}});
    }
    run_turns();
    EXPECT_EQ(first, 0);  // no echo: the other member is tried
    EXPECT_EQ(second, 40);
}

TEST_F(InternalClientTest, SubjectsThatWouldBreakTheWireAreDropped) {
    on(1).subscribe(*system, ">", note("one"));
    for (const char* subject : {"", "a b", "a\r\nPUB", "a..b", "a.*", "a.>"}) {
        on(0).publish({.account = system, .subject = subject, .reply = {}, .headers = {}, .body = {}});
    }
    run_turns();
    EXPECT_THAT(heard, IsEmpty());
    EXPECT_EQ(on(0).subscribe(*system, "a..b", note("zero")), 0U);
}

TEST_F(InternalClientTest, AnyThreadMayPublishAndSubscribeThroughTheServer) {
    server->subscribe(*system, "from.afar", note("zero"));
    on(1).subscribe(*system, "to.all", note("one"));
    server->publish({.account = system, .subject = "to.all", .reply = {}, .headers = {}, .body = "x"});
    run_turns();
    EXPECT_THAT(heard, ElementsAre("one:to.all|||x"));
    heard.clear();
    on(1).publish({.account = system, .subject = "from.afar", .reply = {}, .headers = {}, .body = "y"});
    run_turns();
    EXPECT_THAT(heard, ElementsAre("zero:from.afar|||y"));
}

TEST_F(InternalClientTest, TheSystemAccountFollowsTheOptions) {
    EXPECT_EQ(system->name(), "$SYS");
    const auto made_with = [&](const config::Options& options) {
        ServerSetup setup;
        setup.jobs = setup.handshake_jobs = setup.lookup_jobs = &jobs;
        setup.options = std::make_shared<const config::Options>(options);
        setup.rings = {&rings[0]};
        setup.logger = logger.get();
        Server other(std::move(setup));
        account::Account* found = other.system_account();
        return found == nullptr ? std::string() : found->name();
    };
    config::Options options;
    options.system_account = "OPS";
    EXPECT_EQ(made_with(options), "OPS");
    options = {};
    options.no_system_account = true;
    EXPECT_EQ(made_with(options), "");
}

TEST(ControlQueueTest, RunsWhatWasPostedInOrder) {
    int wakes = 0;
    ControlQueue queue([](void* state) { ++*static_cast<int*>(state); }, &wakes);
    std::vector<int> ran;
    queue.post([&] {
        ran.push_back(1);
        queue.post([&] { ran.push_back(3); });
    });
    queue.post([&] { ran.push_back(2); });
    queue.run();
    EXPECT_THAT(ran, ElementsAre(1, 2));
    queue.run();
    EXPECT_THAT(ran, ElementsAre(1, 2, 3));
    EXPECT_EQ(wakes, 3);
}

}  // namespace
}  // namespace nuring::server

// SPDX-License-Identifier: Apache-2.0
// A whole server over simulated rings: its listener, its start and its ends.
#include "core/server/server.h"

#include <memory>
#include <string>
#include <vector>

#include "core/log/log.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/held_jobs.h"
#include "tests/support/sim_stage.h"

namespace nuring::server {
namespace {

using test::SimPeer;
using testing::HasSubstr;
using testing::StartsWith;

constexpr uint64_t kSecond_ns = 1'000'000'000;

std::shared_ptr<config::Options> server_options() {
    auto options = std::make_shared<config::Options>();
    options->host = "127.0.0.1";
    options->port = config::kPortRandom;
    config::complete(options.get());
    return options;
}

class ServerStage : public test::SimStage {
  public:
    explicit ServerStage(uint32_t worker_count,
                         const std::shared_ptr<config::Options>& options = server_options())
        : SimStage(worker_count), logger_(log::LoggerOptions{.writer_count = 1 + worker_count}) {
        ServerSetup setup;
        setup.jobs = setup.handshake_jobs = setup.lookup_jobs = &jobs_;
        setup.options = options;
        setup.logger = &logger_;
        setup.rings = rings();
        setup.drained = {.call = [](void* count) { ++*static_cast<int*>(count); },
                         .state = &drained_calls};
        server = std::make_unique<Server>(std::move(setup));
        for (uint32_t i = 0; i < worker_count; ++i) add(server->worker(i));
    }
    ~ServerStage() {
        for (auto& peer : peers_) {
            if (!peer->stream().closed()) peer->stream().close();
        }
        server->stop();
        pass(10 * kSecond_ns);
    }
    SimPeer& dial() {
        sim::SimStream& stream = net.connect(server->client_listener().port);
        peers_.push_back(std::make_unique<SimPeer>(*this, stream));
        return *peers_.back();
    }
    SimPeer& client() {
        SimPeer& peer = dial();
        peer.ask("CONNECT {\"verbose\":false}\r\nPING\r\n");
        return peer;
    }

    int drained_calls = 0;
    std::unique_ptr<Server> server;

  private:
    log::Logger logger_;
    test::HeldJobs jobs_;
    std::vector<std::unique_ptr<SimPeer>> peers_;
};

TEST(ServerTest, ConnectionsAreSpreadEvenlyOverTheWorkers) {
    ServerStage stage(4);
    ASSERT_TRUE(stage.server->listen().ok());
    std::vector<SimPeer*> peers;
    for (int i = 0; i < 40; ++i) peers.push_back(&stage.dial());  // at once
    stage.settle();
    for (uint32_t i = 0; i < 4; ++i)
        EXPECT_EQ(stage.server->worker_state(i).host.table.count(), 10U);
    // Who comes after some have left goes where they were.
    for (int i = 0; i < 4; ++i) peers[static_cast<size_t>(i)]->stream().close();
    stage.settle();
    for (int i = 0; i < 4; ++i) stage.client();
    for (uint32_t i = 0; i < 4; ++i)
        EXPECT_EQ(stage.server->worker_state(i).host.table.count(), 10U);
}

TEST(ServerTest, InfoNamesTheServerAndThePort) {
    ServerStage stage(1);
    ASSERT_TRUE(stage.server->listen().ok());
    const std::string info = stage.dial().hear();
    EXPECT_THAT(info, HasSubstr("\"server_id\":\"N"));
    EXPECT_THAT(info, HasSubstr("\"host\":\"127.0.0.1\",\"port\":" +
                                std::to_string(stage.server->client_listener().port) + ","));
}

TEST(ServerTest, APortInUseIsSaidWithTheReason) {
    ServerStage stage(1);
    ASSERT_TRUE(stage.server->listen().ok());
    auto options = server_options();
    options->port = stage.server->client_listener().port;
    log::Logger logger(log::LoggerOptions{.writer_count = 2});
    test::HeldJobs jobs;
    ServerSetup setup;
    setup.jobs = setup.handshake_jobs = setup.lookup_jobs = &jobs;
    setup.options = options;
    setup.logger = &logger;
    setup.rings = stage.rings();
    Server second(std::move(setup));
    EXPECT_THAT(std::string(second.listen().message()),
                StartsWith("Error listening on port: 127.0.0.1:"));
}

TEST(ServerTest, WithoutDescriptorsItServesWhomItHasAndTriesAgain) {
    ServerStage stage(2);
    ASSERT_TRUE(stage.server->listen().ok());
    SimPeer& before = stage.client();
    sim::SimFaults none_left;
    none_left.accept_failure_permille = 1000;
    stage.net.set_faults(none_left);
    SimPeer& waits = stage.dial();
    stage.pass(3 * kSecond_ns);
    EXPECT_EQ(waits.hear(), "");
    EXPECT_FALSE(waits.ended());
    EXPECT_EQ(before.ask("PING\r\n"),
              "PING\r\nPONG\r\n");  // the server's own comes after two seconds
    stage.net.set_faults({});
    stage.pass(2 * kSecond_ns);  // the pause between two tries ends at one second
    EXPECT_THAT(waits.hear(), StartsWith("INFO "));
}

TEST(ServerTest, AStopDeliversWhatIsBetweenTwoWorkers) {
    ServerStage stage(2);
    ASSERT_TRUE(stage.server->listen().ok());
    SimPeer& one = stage.client();
    SimPeer& two = stage.client();
    for (SimPeer* peer : {&one, &two}) peer->ask("SUB a 1\r\n");
    stage.pause(1, true);
    EXPECT_EQ(one.ask("PUB a 2\r\nok\r\nPING\r\n"), "MSG a 1 2\r\nok\r\nPONG\r\n");
    stage.server->stop();
    stage.settle();
    EXPECT_EQ(stage.server->drained_count(), 0U);
    stage.pause(1, false);
    EXPECT_THAT(two.hear(), HasSubstr("MSG a 1 2\r\nok\r\n"));
    stage.pass(3 * kSecond_ns);
    EXPECT_EQ(stage.server->drained_count(), 2U);
    EXPECT_EQ(stage.drained_calls, 2);
    EXPECT_TRUE(one.ended());
    EXPECT_TRUE(two.ended());
    SimPeer& late = stage.dial();
    EXPECT_EQ(late.hear(), "");
    EXPECT_TRUE(late.ended());
}

TEST(ServerTest, ALameDuckTakesNobodyAndAStopHurriesItUp) {
    auto options = server_options();
    options->lame_duck_grace_period = std::chrono::seconds(60);
    options->lame_duck_duration = std::chrono::seconds(120);
    ServerStage stage(2, options);
    ASSERT_TRUE(stage.server->listen().ok());
    SimPeer& stays = stage.client();
    stage.server->enter_lame_duck();
    stage.settle();
    EXPECT_EQ(stays.ask("PING\r\n"), "PONG\r\n");
    SimPeer& late = stage.dial();
    EXPECT_EQ(late.hear(), "");
    EXPECT_TRUE(late.ended());
    EXPECT_EQ(stage.server->drained_count(),
              0U);  // the worker without clients waits for the other one
    stage.server->stop();
    stage.pass(3 * kSecond_ns);
    EXPECT_TRUE(stays.ended());
    EXPECT_EQ(stage.server->drained_count(), 2U);
    EXPECT_EQ(stage.drained_calls, 2);
}

TEST(ServerTest, AReloadReachesEveryWorker) {
    ServerStage stage(3);
    ASSERT_TRUE(stage.server->listen().ok());
    std::vector<SimPeer*> peers;
    for (int i = 0; i < 6; ++i) peers.push_back(&stage.client());
    auto options = server_options();
    options->authorization.user = "derek";
    options->authorization.password = "s3cr3t";
    stage.server->apply(options, nullptr, /*authorization=*/true);
    stage.settle();
    for (SimPeer* peer : peers) {
        EXPECT_EQ(peer->hear(), "-ERR 'Authorization Violation'\r\n");
        EXPECT_TRUE(peer->ended());
    }
    SimPeer& knows = stage.dial();
    EXPECT_THAT(
        knows.ask("CONNECT {\"verbose\":false,\"user\":\"derek\",\"pass\":\"s3cr3t\"}\r\nPING\r\n"),
        HasSubstr("\"auth_required\":true"));
    EXPECT_EQ(knows.ask("PING\r\n"), "PONG\r\n");
}

TEST(ServerTest, NoWorkerFreesWhatAReloadReplaced) {
    ServerStage stage(3);
    ASSERT_TRUE(stage.server->listen().ok());
    stage.client();
    auto options = server_options();
    std::weak_ptr<config::Options> former = options;
    stage.server->apply(std::move(options), nullptr, /*authorization=*/true);
    stage.settle();
    auto applied = stage.server->apply(server_options(), nullptr, /*authorization=*/true);
    auto reached = stage.server->reach_workers();
    EXPECT_FALSE(reached->try_wait());
    stage.settle();
    EXPECT_TRUE(applied->try_wait());
    EXPECT_TRUE(reached->try_wait());
    EXPECT_FALSE(former.expired());
    stage.server->free_former_settings();
    EXPECT_TRUE(former.expired());
}

}  // namespace
}  // namespace nuring::server

// SPDX-License-Identifier: Apache-2.0
#include "core/client/excess_connections.h"

#include <memory>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_remote_server.h"
#include "tests/support/worker_stage.h"

namespace nuring::client {
namespace {

using test::SimPeer;
using test::WorkerStage;
using ::testing::HasSubstr;

class ExcessConnectionsTest : public testing::Test {
  protected:
    // The account of `ann` may have that many connections; bob's is not limited.
    static std::shared_ptr<config::Options> limited_to(int64_t connections) {
        auto options = test::test_options();
        options->accounts = {{.name = "A"}, {.name = "B"}};
        options->accounts[0].limits.connections = connections;
        options->authorization.users = {{.name = "ann", .password = "p", .account = "A"},
                                        {.name = "bob", .password = "p", .account = "B"}};
        return options;
    }
    ExcessConnectionsTest() { (void)stage.accounts.apply(*limited_to(config::kUnlimited)); }

    SimPeer& client(const char* user, uint32_t worker) {
        return stage.client(worker, fmt::format(",\"user\":\"{}\",\"pass\":\"p\"", user));
    }
    // What a server does after a reload.
    void limit(int64_t connections) {
        const account::Retired retired = stage.accounts.apply(*limited_to(connections));
        ExcessConnections excess(2);
        int due = 0;
        for (uint32_t i = 0; i < 2; ++i) {
            stage.on_worker(i, [&](server::WorkerState& state) {
                if (!excess.add(state.clients)) return;
                ++due;
                for (uint32_t k = 0; k < 2; ++k) {
                    stage.on_worker(k, [&](server::WorkerState& other) { excess.close(other.clients); });
                }
            });
        }
        stage.settle();
        EXPECT_LE(due, 1);
    }
    static bool is_refused(SimPeer& peer) {
        return peer.hear().find("maximum account active connections exceeded") != std::string::npos;
    }

    WorkerStage stage{2, limited_to(config::kUnlimited)};
};

TEST_F(ExcessConnectionsTest, TheYoungestOfAllWorkersGo) {
    std::vector<SimPeer*> peers;
    for (uint32_t worker : {0, 1, 0, 1, 1, 0}) peers.push_back(&client("ann", worker));
    SimPeer& other = client("bob", 1);
    limit(6);
    for (SimPeer* each : peers) EXPECT_FALSE(is_refused(*each));
    limit(3);
    for (size_t i = 0; i < peers.size(); ++i) EXPECT_EQ(is_refused(*peers[i]), i >= 3) << i;
    EXPECT_FALSE(is_refused(other));
    EXPECT_EQ(stage.accounts.find("A")->connections(), 3);
    limit(0);
    for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(is_refused(*peers[i])) << i;
    EXPECT_EQ(stage.accounts.find("A")->connections(), 0);
}

TEST_F(ExcessConnectionsTest, LeafnodesGoAmongTheClientsByTheirAge) {
    account::Account& account = *stage.accounts.find("A");
    SimPeer& oldest = client("ann", 0);
    std::vector<SimPeer*> leafnodes;
    for (uint32_t worker : {1, 0}) {
        leafnodes.push_back(&stage.accept_as(worker, [&](server::WorkerState& state, int fd) {
            (new test::FakeRemoteServer(state.delivery, fd, proto::Kind::kLeafnode))->count_for(account);
        }));
    }
    SimPeer& youngest = client("ann", 1);
    limit(4);
    for (SimPeer* each : leafnodes) EXPECT_FALSE(each->ended());
    EXPECT_FALSE(is_refused(youngest));
    limit(2);
    EXPECT_TRUE(is_refused(youngest));
    EXPECT_TRUE(leafnodes[1]->ended());
    EXPECT_FALSE(leafnodes[0]->ended());
    EXPECT_FALSE(is_refused(oldest));
    EXPECT_TRUE(client("ann", 0).ended());
}

TEST_F(ExcessConnectionsTest, ConnectionsOfOtherServersCount) {
    SimPeer& older = client("ann", 1);
    SimPeer& younger = client("ann", 0);
    account::Account& account = *stage.accounts.find("A");
    account.add_connections_elsewhere(3);
    limit(4);
    EXPECT_FALSE(is_refused(older));
    EXPECT_TRUE(is_refused(younger));
    account.add_connections_elsewhere(3);
    limit(4);
    EXPECT_TRUE(is_refused(older));
    account.add_connections_elsewhere(-6);
}

}  // namespace
}  // namespace nuring::client

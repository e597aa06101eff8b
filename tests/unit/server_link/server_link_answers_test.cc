// SPDX-License-Identifier: Apache-2.0
// ServerLink: answers to requests from other clusters, whose subject leads back there.
#include <string>
#include <string_view>

#include "core/server_link/server_link.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "proto/gateway_reply.h"
#include "tests/unit/server_link/test_link.h"

namespace nuring::server_link {
namespace {

using test::SimPeer;

// This server is SERVER of the cluster CLUSTR.
class ServerLinkAnswerTest : public ServerLinkTest {
  protected:
    ServerLinkAnswerTest() {
        for (uint32_t worker : {0, 1}) {
            stage.state(worker).delivery.gateways.own = proto::ReplyOrigin::make("CLUSTR", "SERVER");
        }
    }
    // Of worker 1, to the cluster REMOTE.
    SimPeer& serve_gateway() {
        SimPeer& peer = serve(1, kGateway);
        for (uint32_t worker : {0, 1}) {
            stage.state(worker).delivery.gateways.outbound = {
                {.link = handle, .hash = "REMOTE", .old_hash = {}}};
        }
        return peer;
    }
    static std::string answer(std::string_view subject) {
        return fmt::format("RMSG $G {} 1\r\nx\r\n", subject);
    }
};

TEST_F(ServerLinkAnswerTest, GoesOnToTheServerOfThisClusterThatAsked) {
    SimPeer& client = stage.client(0);
    client.ask("SUB > 1\r\n");
    SimPeer& route = serve(1);
    stage.facts.route_directory.add({.hash = "SECOND", .server_name = {}, .link = handle, .account = {}});
    route.hear();
    SimPeer& gateway = serve(0, kGateway);
    gateway.ask(answer("_GR_.CLUSTR.SECOND.inbox") + answer("_GR_.CLUSTR.SERVER.inbox"));
    EXPECT_EQ(route.hear(), answer("_GR_.CLUSTR.SECOND.inbox"));
    EXPECT_EQ(client.hear(), "MSG inbox 1 1\r\nx\r\n");
}

// Subscribers here see none of it.
TEST_F(ServerLinkAnswerTest, LeavesForAnotherClusterOnlyFromALeafnode) {
    stage.client(0).ask("SUB > 1\r\n");
    SimPeer& gateway = serve_gateway();
    SimPeer& route = serve(0);
    SimPeer& leafnode = serve(0, kLeafnode);
    (void)(gateway.hear() + route.hear() + leafnode.hear());
    route.ask(answer("_GR_.REMOTE.SERVER.1"));
    leafnode.ask(answer("_GR_.REMOTE.SERVER.2"));
    EXPECT_EQ(gateway.hear(), answer("_GR_.REMOTE.SERVER.2"));
}

TEST_F(ServerLinkAnswerTest, GoesToOtherLeafnodesOnceWithoutAGatewayToItsCluster) {
    SimPeer& client = stage.client(0);
    client.ask("SUB > 1\r\n");
    SimPeer& other = serve(1, kLeafnode);
    other.ask("RS+ $G _GR_.>\r\n");
    const std::string run = answer("_GR_.REMOTE.SERVER.1") + answer("_GR_.REMOTE.SERVER.1");
    serve(0, kLeafnode).ask(run);
    EXPECT_EQ(other.hear(), run);
    EXPECT_EQ(link->traffic().in_messages, 2U);
    EXPECT_EQ(client.hear(), "");
}

// As if it had been published here: to all groups, and to other clusters, which have no part in services.
TEST_F(ServerLinkAnswerTest, GoesOnHereUnderItsOwnSubject) {
    SimPeer& client = stage.client(0);
    client.ask("SUB inbox q 1\r\nSUB _R_.1 q 2\r\n");
    SimPeer& other = serve(1, kGateway);
    other.ask("RS+ $G >\r\n");
    serve(0, kGateway).ask(answer("_GR_.CLUSTR.SERVER.inbox") + answer("_GR_.CLUSTR.SERVER._R_.1"));
    EXPECT_EQ(client.hear(), "MSG inbox 1 1\r\nx\r\nMSG _R_.1 2 1\r\nx\r\n");
    EXPECT_EQ(other.hear(), answer("inbox"));
}

TEST_F(ServerLinkAnswerTest, OfAClientGoesBackToTheClusterOfTheRequest) {
    SimPeer& client = stage.client(0);
    client.ask("SUB a 1\r\n");
    SimPeer& gateway = serve_gateway();
    gateway.ask("RMSG $G a _GR_.REMOTE.SERVER.inbox 1\r\nx\r\n");
    EXPECT_EQ(client.hear(), "MSG a 1 inbox 1\r\nx\r\n");
    client.ask("PUB inbox 1\r\nx\r\n");
    EXPECT_EQ(gateway.hear(), answer("_GR_.REMOTE.SERVER.inbox"));
}

}  // namespace
}  // namespace nuring::server_link

// SPDX-License-Identifier: Apache-2.0
#include "core/client/closed_connections.h"

#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace nuring::client {
namespace {

ConnectionSnapshot connection(uint64_t cid) {
    ConnectionSnapshot snapshot;
    snapshot.cid = cid;
    return snapshot;
}

std::vector<uint64_t> cids_of(ClosedConnections& closed) {
    closed.drop_old();
    std::vector<uint64_t> cids;
    for (size_t i = closed.begin(); i < closed.end(); ++i) cids.push_back(closed.at(i).cid);
    return cids;
}

TEST(ClosedConnectionsTest, KeepsTheLastOnesInOrder) {
    link::ServerFacts facts(1);
    ClosedConnections closed(facts, 3);
    for (uint64_t cid = 1; cid <= 5; ++cid) closed.add(connection(cid));
    EXPECT_EQ(cids_of(closed), (std::vector<uint64_t>{3, 4, 5}));
}

TEST(ClosedConnectionsTest, AnIndexNamesTheSameConnectionWhileOthersGo) {
    link::ServerFacts facts(1);
    ClosedConnections closed(facts, 2);
    closed.add(connection(1));
    closed.add(connection(2));
    const size_t index = closed.end() - 1;
    closed.add(connection(3));
    EXPECT_EQ(closed.begin(), index);
    EXPECT_EQ(closed.at(index).cid, 2);
}

TEST(ClosedConnectionsTest, TheLimitIsThatOfAllWorkersTogether) {
    link::ServerFacts facts(2);
    ClosedConnections one(facts, 3);
    ClosedConnections other(facts, 3);
    one.add(connection(1));
    one.add(connection(2));
    other.add(connection(3));
    other.add(connection(4));
    EXPECT_EQ(cids_of(one), (std::vector<uint64_t>{2}));
    EXPECT_EQ(cids_of(other), (std::vector<uint64_t>{3, 4}));
}

TEST(ClosedConnectionsTest, LongSubscriptionsDoNotStay) {
    link::ServerFacts facts(1);
    ClosedConnections closed(facts, 1);
    ConnectionSnapshot gone = connection(1);
    for (int i = 0; i < 100; ++i) gone.subscriptions.push_back({.subject = std::string(1024, 'x'), .sid = ""});
    closed.add(std::move(gone));
    const std::vector<SubscriptionSnapshot>& kept = closed.at(0).subscriptions;
    EXPECT_EQ(kept.size(), ClosedConnections::kSubscriptionBytesMax / 1024);
}

TEST(ClosedConnectionsTest, ALimitOfNoneKeepsNone) {
    link::ServerFacts facts(1);
    ClosedConnections closed(facts, 0);
    closed.add(connection(1));
    EXPECT_EQ(cids_of(closed), std::vector<uint64_t>());
}

}  // namespace
}  // namespace nuring::client

// SPDX-License-Identifier: Apache-2.0
#include "cluster/route_set.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/link/route_directory.h"

namespace nuring::cluster {
namespace {

base::LinkHandle link_number(uint32_t number) {
    return {base::WorkerId{0}, number, 1};
}

server_link::LinkTarget target_at(const std::string& host, bool is_explicit = false) {
    server_link::LinkTarget target;
    target.host = host;
    target.port = 6222;
    target.is_explicit = is_explicit;
    return target;
}

RouteEntry accepted(const std::string& id, uint32_t number) {
    RouteEntry entry;
    entry.remote_id = id;
    entry.link = link_number(number);
    return entry;
}

RouteEntry dialed(const std::string& id, uint32_t number, server_link::LinkTarget target) {
    RouteEntry entry = accepted(id, number);
    entry.target = std::move(target);
    entry.is_solicited = true;
    return entry;
}

TEST(RouteSetTest, EachServerIsRegisteredOnce) {
    RouteSet set("OWN");
    EXPECT_EQ(set.add(accepted("A", 1)).result, Registration::kAdded);
    EXPECT_EQ(set.add(accepted("B", 2)).result, Registration::kAdded);
    EXPECT_EQ(set.add(accepted("A", 3)).result, Registration::kDuplicate);
    EXPECT_EQ(set.list().size(), 2U);
    EXPECT_TRUE(set.contains("A"));
    EXPECT_FALSE(set.contains("C"));
    ASSERT_EQ(set.list().size(), 2U);
    EXPECT_EQ(set.list()[0].link, link_number(1));
}

TEST(RouteSetTest, TheAccountsWithAConnectionOfTheirOwnAreKnownForEachServer) {
    RouteSet set("OWN");
    RouteEntry pooled = accepted("A", 1);
    pooled.pool_size = 3;
    EXPECT_EQ(set.add(pooled).result, Registration::kAdded);
    EXPECT_TRUE(set.accounts_of("A").empty());
    uint32_t number = 2;
    for (const auto& [id, account] : {std::pair("A", "X"), {"A", "SYS"}, {"B", "Y"}}) {
        RouteEntry entry = accepted(id, number++);
        entry.account = account;
        EXPECT_EQ(set.add(entry).result, Registration::kAdded);
    }
    EXPECT_EQ(set.accounts_of("A"), (std::vector<std::string>{"X", "SYS"}));
    EXPECT_EQ(set.accounts_of("B"), (std::vector<std::string>{"Y"}));
    EXPECT_TRUE(set.accounts_of("C").empty());
    EXPECT_TRUE(set.remove(link_number(2)).has_value());
    EXPECT_EQ(set.accounts_of("A"), (std::vector<std::string>{"SYS"}));
}

TEST(RouteSetTest, ARouteToThisVeryServerIsNotRegistered) {
    RouteSet set("OWN");
    EXPECT_EQ(set.add(accepted("OWN", 1)).result, Registration::kSelf);
    EXPECT_EQ(set.list().size(), 0U);
}

TEST(RouteSetTest, OnlyTheRegisteredConnectionIsRemoved) {
    RouteSet set("OWN");
    (void)set.add(accepted("A", 1));
    (void)set.add(accepted("A", 2));
    EXPECT_FALSE(set.remove(link_number(2)).has_value());
    const auto removed = set.remove(link_number(1));
    ASSERT_TRUE(removed.has_value());
    EXPECT_EQ(removed->entry.remote_id, "A");
    EXPECT_TRUE(removed->was_last);
    EXPECT_FALSE(set.contains("A"));
    EXPECT_FALSE(set.remove(link_number(1)).has_value());
    EXPECT_EQ(set.add(accepted("A", 3)).result, Registration::kAdded);
}

TEST(RouteSetTest, TheConnectionThatStaysInheritsTheAddressOfADuplicate) {
    RouteSet set("OWN");
    (void)set.add(accepted("A", 1));
    (void)set.add(dialed("A", 2, target_at("a")));
    const RouteEntry entry = set.list()[0];
    EXPECT_EQ(entry.link, link_number(1));
    EXPECT_TRUE(entry.is_solicited);
    ASSERT_TRUE(entry.target.has_value());
    EXPECT_EQ(entry.target->host, "a");
}

TEST(RouteSetTest, AConfiguredAddressReplacesALearnedOne) {
    RouteSet set("OWN");
    (void)set.add(dialed("A", 1, target_at("learned")));
    (void)set.add(dialed("A", 2, target_at("other")));
    EXPECT_EQ(set.list()[0].target->host, "learned");
    EXPECT_FALSE(set.list()[0].target->is_explicit);
    // A configured address replaces a learned one: it is dialed for ever.
    (void)set.add(dialed("A", 3, target_at("configured", /*is_explicit=*/true)));
    EXPECT_EQ(set.list()[0].target->host, "configured");
    EXPECT_TRUE(set.list()[0].target->is_explicit);
    // An accepted duplicate brings no address.
    (void)set.add(accepted("A", 4));
    EXPECT_EQ(set.list()[0].target->host, "configured");
}

TEST(RouteSetTest, ANewInfoKeepsTheAddressThatWasCompleted) {
    RouteSet set("OWN");
    RouteEntry entry = accepted("A", 1);
    entry.info.ip = "nats-route://10.0.0.1:6222/";
    (void)set.add(std::move(entry));
    (void)set.add(accepted("B", 2));

    proto::ServerInfo info;
    info.server_name = "second";
    EXPECT_TRUE(set.replace_info("A", info).has_value());
    EXPECT_EQ(set.list()[0].info.server_name, "second");
    EXPECT_EQ(set.list()[0].info.ip, "nats-route://10.0.0.1:6222/");
    info.ip = "nats-route://10.0.0.2:6222/";
    EXPECT_TRUE(set.replace_info("A", info).has_value());
    EXPECT_EQ(set.list()[0].info.ip, "nats-route://10.0.0.2:6222/");
    EXPECT_EQ(set.list()[1].info.server_name, "");
    EXPECT_FALSE(set.replace_info("C", info).has_value());
    EXPECT_EQ(set.list().size(), 2U);
}

TEST(RouteSetTest, FindsWhatWasDialedToAnAddress) {
    RouteSet set("OWN");
    (void)set.add(accepted("A", 1));
    (void)set.add(dialed("B", 2, target_at("host.example")));
    (void)set.add(dialed("C", 3, target_at("HOST.example")));
    (void)set.add(dialed("D", 4, target_at("other")));
    EXPECT_EQ(set.dialed_to(target_at("Host.Example")),
              (std::vector<base::LinkHandle>{link_number(2), link_number(3)}));
    server_link::LinkTarget elsewhere = target_at("other");
    elsewhere.port = 6223;
    EXPECT_TRUE(set.dialed_to(elsewhere).empty());
}

RouteEntry pooled(const std::string& id, uint32_t number, int slot, int pool_size = 3) {
    RouteEntry entry = accepted(id, number);
    entry.slot = slot;
    entry.pool_size = pool_size;
    return entry;
}

RouteEntry dialed_pooled(const std::string& id, uint32_t number, int pool_size = 3) {
    RouteEntry entry = dialed(id, number, target_at(id, /*is_explicit=*/true));
    entry.pool_size = pool_size;
    return entry;
}

RouteEntry of_account(const std::string& id, uint32_t number, const std::string& account) {
    RouteEntry entry = accepted(id, number);
    entry.account = account;
    return entry;
}

TEST(RouteSetTest, WhoDialsTakesTheLowestFreePlaceOfAPool) {
    RouteSet set("OWN");
    const Registered first = set.add(dialed_pooled("A", 1));
    EXPECT_EQ(first.slot, 0);
    EXPECT_TRUE(first.is_first);
    EXPECT_FALSE(first.is_complete);
    EXPECT_EQ(set.add(pooled("A", 2, 1)).slot, 1);
    const Registered last = set.add(dialed_pooled("A", 3));
    EXPECT_EQ(last.slot, 2);
    EXPECT_FALSE(last.is_first);
    EXPECT_TRUE(last.is_complete);
    EXPECT_TRUE(set.is_complete("A", {}));
    EXPECT_EQ(set.add(dialed_pooled("A", 4)).result, Registration::kFull);
    EXPECT_EQ(set.add(pooled("A", 5, 1)).result, Registration::kDuplicate);
}

TEST(RouteSetTest, APlaceIsFreeAgainWhenItsConnectionHasGone) {
    RouteSet set("OWN");
    for (uint32_t i = 0; i < 3; ++i) (void)set.add(dialed_pooled("A", i));
    const auto removed = set.remove(link_number(1));
    ASSERT_TRUE(removed.has_value());
    EXPECT_FALSE(removed->was_last_of_pool);
    EXPECT_FALSE(set.is_complete("A", {}));
    EXPECT_EQ(set.add(dialed_pooled("A", 4)).slot, 1);
}

TEST(RouteSetTest, ThePlaceThatIsToldMayBeBeyondTheOwnSize) {
    RouteSet set("OWN");
    EXPECT_EQ(set.add(pooled("A", 1, 4, 5)).result, Registration::kAdded);
    EXPECT_EQ(set.add(pooled("A", 2, 0, 3)).result, Registration::kAdded);
    EXPECT_FALSE(set.is_complete("A", {}));
}

TEST(RouteSetTest, OneDialedConnectionMakesThePoolOneThatIsDialed) {
    RouteSet set("OWN");
    (void)set.add(pooled("A", 1, 0));
    (void)set.add(dialed_pooled("A", 2));
    (void)set.add(pooled("A", 3, 2));
    for (const RouteEntry& entry : set.list()) {
        EXPECT_TRUE(entry.is_solicited);
        ASSERT_TRUE(entry.target.has_value());
        EXPECT_EQ(entry.target->host, "A");
    }
}

TEST(RouteSetTest, ConnectionsOfAccountsStandBesideThePool) {
    RouteSet set("OWN");
    const Registered pinned = set.add(of_account("A", 1, "X"));
    EXPECT_EQ(pinned.result, Registration::kAdded);
    EXPECT_FALSE(pinned.is_first);
    EXPECT_FALSE(set.has_pool("A"));
    EXPECT_FALSE(set.pools_with("A"));
    EXPECT_TRUE(set.add(dialed_pooled("A", 2)).is_first);
    EXPECT_TRUE(set.pools_with("A"));
    EXPECT_EQ(set.add(of_account("A", 3, "X")).result, Registration::kDuplicate);
    EXPECT_TRUE(set.is_complete("A", "X"));
    EXPECT_FALSE(set.is_complete("A", "Y"));
    EXPECT_TRUE(set.speaks_for_remote(link_number(2)));
    EXPECT_FALSE(set.speaks_for_remote(link_number(1)));
    const auto removed = set.remove(link_number(2));
    ASSERT_TRUE(removed.has_value());
    EXPECT_TRUE(removed->was_last_of_pool);
    EXPECT_FALSE(removed->was_last);
}

TEST(RouteSetTest, AServerThatBeginsToPoolWaitsForTheEndOfWhatCarriesAll) {
    RouteSet set("OWN");
    (void)set.add(accepted("A", 1));
    EXPECT_TRUE(set.is_complete("A", {}));
    EXPECT_EQ(set.add(pooled("A", 2, 0)).result, Registration::kDuplicate);
    (void)set.remove(link_number(1));
    EXPECT_EQ(set.add(pooled("A", 3, 0)).result, Registration::kAdded);
}

// Vectors of the reference.
TEST(PoolSlotTest, IsThatOfTheReference) {
    EXPECT_EQ(link::pool_slot_of("$G", 2), 0);
    EXPECT_EQ(link::pool_slot_of("$G", 3), 2);
    EXPECT_EQ(link::pool_slot_of("$G", 5), 3);
    EXPECT_EQ(link::pool_slot_of("$SYS", 5), 0);
    EXPECT_EQ(link::pool_slot_of("A", 3), 0);
    EXPECT_EQ(link::pool_slot_of("A", 5), 2);
    EXPECT_EQ(link::pool_slot_of("X", 2), 1);
    EXPECT_EQ(link::pool_slot_of("X", 1), 0);
}

// Goal: of many connections to one server that register at once, one wins.
TEST(RouteSetTest, OneOfManyThreadsWins) {
    constexpr uint32_t kThreads = 8;
    RouteSet set("OWN");
    std::vector<Registration> results(kThreads);
    std::vector<std::thread> threads;
    for (uint32_t i = 0; i < kThreads; ++i) {
        threads.emplace_back([&set, &results, i] { results[i] = set.add(accepted("A", i)).result; });
    }
    for (std::thread& thread : threads) thread.join();
    int added = 0;
    for (const Registration result : results) added += result == Registration::kAdded ? 1 : 0;
    EXPECT_EQ(added, 1);
    EXPECT_EQ(set.list().size(), 1U);
}

}  // namespace
}  // namespace nuring::cluster

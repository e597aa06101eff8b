// SPDX-License-Identifier: Apache-2.0
// What another server wants, looked at again in slices while it goes on changing.
#include "core/server_link/remote_interest.h"

#include <set>
#include <string>

#include "fmt/format.h"
#include "gtest/gtest.h"
#include "tests/support/worker_stage.h"

namespace nuring::server_link {
namespace {

using Added = RemoteInterest::Added;

// A link that keeps the patterns which do not begin with "denied.".
class WantingServer final : public delivery::RemoteServer {
  public:
    WantingServer(delivery::Delivery& delivery, int fd)
        : RemoteServer(delivery, fd, proto::Kind::kRoute),
          interest(delivery, *this, [this](account::Account&, interest::Subscription& each) {
              ++asked;
              return !each.subject().starts_with("denied.");
          },
          [this](const interest::Subscription&) { ++left; }) {
        start();
    }
    void deliver_to_server(account::Account&, const delivery::MessageRun&, std::string_view) override {}
    void announce(account::Account&, std::string_view, std::string_view) override {}
    void copy(uint64_t, size_t, delivery::ServerLinkSnapshot*) const override {}
    void on_reload() override {}
    void on_account_changed() override {}
    void announce_lame_duck() override {}

    RemoteInterest interest;
    size_t asked = 0;
    size_t left = 0;

  private:
    size_t consume(const char* begin, const char* end) override { return static_cast<size_t>(end - begin); }
    void on_close() override {
        while (!interest.release(7)) {
        }
    }
};

class RemoteInterestTest : public testing::Test {
  protected:
    RemoteInterestTest() {
        stage_.accept_as(0, [&](server::WorkerState& state, int fd) {
            server_ = new WantingServer(state.delivery, fd);
        });
    }
    account::Account& account() { return stage_.accounts.global(); }
    RemoteInterest& interest() { return server_->interest; }
    Added add(const std::string& pattern) { return interest().add(account(), pattern, {}, 1); }
    bool remove(const std::string& pattern) { return interest().remove(account(), pattern, {}); }
    bool contains(const std::string& pattern) { return interest().contains(account(), pattern, {}); }
    std::set<std::string> all() {
        std::set<std::string> found;
        interest().for_each([&](account::Account&, const interest::Subscription& each) {
            found.emplace(each.subject());
            return true;
        });
        return found;
    }
    void fill(int count) {
        for (int i = 0; i < count; ++i) {
            ASSERT_EQ(add(fmt::format("kept.{}", i)), Added::kNew);
            ASSERT_EQ(add(fmt::format("denied.{}", i)), Added::kNew);
        }
    }

    test::WorkerStage stage_{1};
    WantingServer* server_ = nullptr;
};

TEST_F(RemoteInterestTest, ASweepGoesInSlicesAndAsksOnceForEach) {
    fill(500);
    interest().begin_sweep();
    size_t slices = 1;
    for (; !interest().sweep(100); ++slices) ASSERT_LE(server_->asked, slices * 100);
    EXPECT_GE(slices, 10U);
    EXPECT_EQ(server_->asked, 1000U);
    EXPECT_EQ(interest().count(), 500U);
    EXPECT_EQ(account().sublist().count(), 500U);
    EXPECT_TRUE(contains("kept.7"));
    EXPECT_FALSE(contains("denied.7"));
}

TEST_F(RemoteInterestTest, TheSmallestSliceGoesOn) {
    fill(5);
    interest().begin_sweep();
    bool has_gone = false;
    interest().begin_removal(account(), [&] { has_gone = true; });
    for (int slices = 0; slices < 100 && !interest().sweep(1);) ++slices;
    EXPECT_FALSE(interest().sweeping());
    EXPECT_TRUE(has_gone);
    EXPECT_EQ(interest().count(), 0U);
}

TEST_F(RemoteInterestTest, WhatIsSaidOfOneIsSettledBefore) {
    fill(50);
    interest().begin_sweep();
    EXPECT_EQ(add("kept.1"), Added::kKnown);
    EXPECT_EQ(add("denied.1"), Added::kNew);  // the old one has gone: this is another
    const size_t asked = server_->asked;
    EXPECT_TRUE(remove("kept.2"));
    EXPECT_TRUE(remove("denied.2"));
    EXPECT_EQ(server_->asked, asked) << "what goes is not looked at";
    EXPECT_EQ(add("kept.new"), Added::kNew);
    EXPECT_FALSE(interest().sweep(20));
    EXPECT_TRUE(remove("kept.new"));
    while (!interest().sweep(20)) {
    }
    EXPECT_EQ(interest().count(), 50U);  // without kept.2, with denied.1
    EXPECT_TRUE(contains("denied.1"));
    EXPECT_FALSE(contains("kept.2"));
    EXPECT_EQ(all().size(), 50U);
}

TEST_F(RemoteInterestTest, ItAgreesWithAPlainSetWhateverComesInBetween) {
    base::Prng prng(11);
    std::set<std::string> model;
    for (int round = 0; round < 20'000; ++round) {
        const std::string pattern =
            fmt::format("{}.{}", prng.below(2) == 0 ? "kept" : "denied", prng.below(200));
        switch (prng.below(8)) {
            case 0:
                if (pattern.starts_with("denied.")) {  // the sweep may not have come to it
                    (void)remove(pattern);
                    model.erase(pattern);
                    break;
                }
                ASSERT_EQ(remove(pattern), model.erase(pattern) == 1) << round;
                break;
            case 1:
                if (prng.below(100) != 0) break;
                interest().begin_sweep();
                std::erase_if(model, [](const std::string& each) { return each.starts_with("denied."); });
                break;
            case 2:
                (void)interest().sweep(1 + prng.below(20));
                break;
            default:
                ASSERT_EQ(add(pattern) == Added::kNew, model.insert(pattern).second) << round;
        }
    }
    while (!interest().sweep(50)) {
    }
    EXPECT_EQ(all(), model);
    EXPECT_EQ(interest().count(), model.size());
    EXPECT_EQ(account().sublist().count(), model.size());
}

TEST_F(RemoteInterestTest, ManyStandInSeveralTables) {
    constexpr int kCount = 3 * PatternSet::kWholeMax;
    fill(kCount / 2);
    for (int i = 0; i < kCount / 2; i += 97) {
        ASSERT_EQ(add(fmt::format("kept.{}", i)), Added::kKnown);
        ASSERT_TRUE(contains(fmt::format("denied.{}", i)));
    }
    interest().begin_sweep();
    base::Prng prng(5);
    size_t removed = 0;
    while (!interest().sweep(500)) {
        const auto any = prng.below(kCount / 2);
        if (remove(fmt::format("kept.{}", any))) ++removed;
        (void)remove(fmt::format("denied.{}", any));  // the sweep may not have come to it
    }
    EXPECT_GT(removed, 50U);
    EXPECT_EQ(interest().count(), kCount / 2 - removed);
    EXPECT_EQ(all().size(), interest().count());
    EXPECT_EQ(account().sublist().count(), interest().count());
}

TEST_F(RemoteInterestTest, ARemovalOfPlainOnesKeepsGroupsAndAsksNobody) {
    fill(500);
    ASSERT_EQ(interest().add(account(), "kept.7", "group", 1), Added::kNew);
    interest().begin_removal_of_plain(account());
    ASSERT_FALSE(interest().sweep(10));
    // What it has not come to has gone all the same.
    EXPECT_FALSE(contains("kept.7"));
    EXPECT_FALSE(remove("kept.7"));
    ASSERT_EQ(add("kept.8"), Added::kNew);
    EXPECT_TRUE(remove("kept.8"));
    EXPECT_EQ(all(), std::set<std::string>{"kept.7"});
    while (!interest().sweep(100)) {
    }
    EXPECT_EQ(interest().count(), 1U);
    EXPECT_TRUE(interest().contains(account(), "kept.7", "group"));
    EXPECT_EQ(server_->asked, 0U);
}

TEST_F(RemoteInterestTest, ARemovalTellsWhenAllHasGone) {
    fill(50);
    bool told = false;
    interest().begin_sweep();
    (void)interest().sweep(30);
    interest().begin_removal(account(), [&told] { told = true; });
    EXPECT_EQ(add("kept.3"), Added::kNew);  // said anew: it stays
    while (!interest().sweep(10)) EXPECT_FALSE(told);
    EXPECT_TRUE(told);
    EXPECT_EQ(all(), std::set<std::string>{"kept.3"});
}

TEST_F(RemoteInterestTest, ALinkThatClosesInASweepReleasesEverything) {
    fill(50);
    interest().begin_sweep();
    (void)interest().sweep(30);
    stage_.on_worker(0, [this](server::WorkerState&) {
        const size_t count = interest().count();
        server_->close(link::CloseReason::kServerShutdown);
        EXPECT_EQ(server_->left, count) << "each is told of";
    });
    stage_.settle();
    EXPECT_EQ(account().sublist().count(), 0U);
}

}  // namespace
}  // namespace nuring::server_link

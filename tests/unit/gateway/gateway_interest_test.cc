// SPDX-License-Identifier: Apache-2.0
// Goal: both ends of a gateway's interest send each other exactly the lines of the reference, and a message
// that somebody wants is never held back. Method: line by line, then both ends against each other, with a
// plain model of the subscribers between them.
#include "gateway/gateway_interest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/account/account.h"
#include "core/base/prng.h"
#include "fmt/format.h"
#include "proto/subject.h"

namespace nuring::gateway {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Patterns by account, as the sublists hold them.
class PlainStore : public OutboundInterest::Store {
  public:
    using Key = std::pair<std::string, std::string>;

    bool add(account::Account& account, std::string_view pattern, std::string_view queue) override {
        return sets[&account].emplace(pattern, queue).second;
    }
    bool remove(account::Account& account, std::string_view pattern, std::string_view queue) override {
        return sets[&account].erase({std::string(pattern), std::string(queue)}) != 0;
    }
    void remove_plain(account::Account& account) override {
        std::erase_if(sets[&account], [](const Key& key) { return key.second.empty(); });
    }

    bool matches(account::Account& account, std::string_view subject) {
        for (const auto& [pattern, queue] : sets[&account]) {
            if (queue.empty() && proto::matches_literal(subject, pattern)) return true;
        }
        return false;
    }

    std::map<account::Account*, std::set<Key>> sets;
};

class Lines : public InboundInterest::Sender {
  public:
    void send_change(account::Account& account, std::string_view pattern, std::string_view queue,
                     bool is_wanted) override {
        std::string line = fmt::format("{} {} {}", is_wanted ? "RS+" : "RS-", account.name(), pattern);
        if (!queue.empty()) line += fmt::format(" {}", queue);
        lines.push_back(line);
    }
    void send_account(std::string_view account, bool is_wanted) override {
        lines.push_back(fmt::format("{} {}", is_wanted ? "A+" : "A-", account));
    }
    void start_switch(account::Account& account) override { lines.push_back("switch " + account.name()); }

    std::vector<std::string> take() { return std::exchange(lines, {}); }

    std::vector<std::string> lines;
};

class GatewayInterestTest : public testing::Test {
  protected:
    // What a message of that subject does: is it sent?
    bool sends(OutboundInterest& interest, std::string_view subject) {
        interest.begin(a_);
        return store_.matches(a_, subject) && !interest.refuses(a_, subject);
    }

    account::Account a_{"A", {}};
    account::Account b_{"B", {}};
    PlainStore store_;
    Lines lines_;
};

// ------------------------------------------------------------------------------------ outbound

TEST_F(GatewayInterestTest, OptimisticSendsWhatWasNotRefused) {
    OutboundInterest interest(store_, false);
    EXPECT_TRUE(sends(interest, "foo"));
    interest.unsubscribe(a_, "foo", {});
    EXPECT_FALSE(sends(interest, "foo"));
    EXPECT_TRUE(sends(interest, "bar"));
    EXPECT_FALSE(interest.refuses(b_, "foo"));
    EXPECT_TRUE(interest.subscribe(a_, "foo", {}));
    EXPECT_TRUE(sends(interest, "foo"));
}

TEST_F(GatewayInterestTest, AWildcardWithdrawsTheRefusalOfItsSubjects) {
    OutboundInterest interest(store_, false);
    interest.unsubscribe(a_, "foo.a", {});
    interest.unsubscribe(a_, "foo.b", {});
    interest.unsubscribe(a_, "bar.a", {});
    EXPECT_TRUE(interest.subscribe(a_, "foo.*", {}));
    EXPECT_TRUE(sends(interest, "foo.a"));
    EXPECT_TRUE(sends(interest, "foo.b"));
    EXPECT_FALSE(sends(interest, "bar.a"));
    EXPECT_EQ(interest.facts(a_).refused_subjects, 1U);
}

TEST_F(GatewayInterestTest, ARefusedAccountGetsNothingUntilItIsWanted) {
    OutboundInterest interest(store_, false);
    interest.unsubscribe(a_, "foo", {});
    interest.on_account_refused(a_);
    EXPECT_FALSE(sends(interest, "bar"));
    EXPECT_TRUE(interest.facts(a_).is_refused);
    interest.on_account_wanted(a_);
    EXPECT_TRUE(sends(interest, "foo"));  // it was forgotten
    EXPECT_TRUE(sends(interest, "bar"));
}

TEST_F(GatewayInterestTest, GroupsKeepAnAccountAlive) {
    OutboundInterest interest(store_, false);
    interest.on_account_refused(a_);
    EXPECT_TRUE(interest.subscribe(a_, "foo", "q"));
    EXPECT_TRUE(sends(interest, "bar"));
    interest.unsubscribe(a_, "bar", {});
    interest.on_account_refused(a_);
    EXPECT_TRUE(sends(interest, "bar"));
    EXPECT_TRUE(store_.sets[&a_].contains({"foo", "q"}));
    interest.unsubscribe(a_, "foo", "q");
    interest.unsubscribe(a_, "foo", "q");
    EXPECT_FALSE(store_.sets[&a_].contains({"foo", "q"}));
}

TEST_F(GatewayInterestTest, TheSwitchLosesNothingOnTheWay) {
    OutboundInterest interest(store_, false);
    interest.unsubscribe(a_, "refused", {});
    interest.begin_switch(a_);
    EXPECT_EQ(interest.facts(a_).mode, InterestMode::kTransitioning);
    EXPECT_TRUE(interest.subscribe(a_, "foo.*", {}));
    EXPECT_TRUE(sends(interest, "foo.a"));
    EXPECT_TRUE(sends(interest, "other"));
    EXPECT_FALSE(sends(interest, "refused"));
    interest.end_switch(a_);
    EXPECT_EQ(interest.facts(a_).mode, InterestMode::kInterestOnly);
    EXPECT_TRUE(sends(interest, "foo.a"));
    EXPECT_FALSE(sends(interest, "other"));
    interest.unsubscribe(a_, "foo.*", {});
    EXPECT_FALSE(sends(interest, "foo.a"));
    EXPECT_TRUE(store_.sets[&a_].empty());
}

TEST_F(GatewayInterestTest, InterestInEverythingIsNotTheOptimism) {
    OutboundInterest interest(store_, false);
    interest.begin_switch(a_);
    EXPECT_TRUE(interest.subscribe(a_, ">", {}));
    interest.end_switch(a_);
    EXPECT_TRUE(sends(interest, "foo"));
    interest.unsubscribe(a_, ">", {});
    EXPECT_FALSE(sends(interest, "foo"));
    EXPECT_EQ(interest.facts(a_).plain, 0U);
}

TEST_F(GatewayInterestTest, APeerWithoutOptimismIsSentWhatItAskedForOnly) {
    OutboundInterest interest(store_, true);
    EXPECT_FALSE(sends(interest, "foo"));
    interest.begin_switch(a_);
    EXPECT_TRUE(interest.subscribe(a_, "foo", {}));
    interest.end_switch(a_);
    EXPECT_TRUE(sends(interest, "foo"));
    EXPECT_FALSE(sends(interest, "bar"));
}

TEST_F(GatewayInterestTest, ARefusalAfterTheSwitchBeginsAnew) {
    OutboundInterest interest(store_, false);
    interest.begin_switch(a_);
    EXPECT_TRUE(interest.subscribe(a_, "foo", {}));
    EXPECT_TRUE(interest.subscribe(a_, ">", {}));
    interest.end_switch(a_);
    interest.on_account_refused(a_);
    EXPECT_FALSE(sends(interest, "foo"));
    interest.on_account_wanted(a_);
    EXPECT_TRUE(sends(interest, "anything"));
}

TEST_F(GatewayInterestTest, InvalidPatternsAreReported) {
    OutboundInterest interest(store_, true);
    EXPECT_FALSE(interest.subscribe(a_, "foo..bar", {}));
    EXPECT_FALSE(interest.subscribe(a_, "foo.>.bar", "q"));
}

TEST_F(GatewayInterestTest, AFloodOfRefusalsIsBounded) {
    OutboundInterest interest(store_, false);
    for (size_t i = 0; i < OutboundInterest::kRefusedMax + 100; ++i) {
        interest.unsubscribe(a_, fmt::format("s.{}", i), {});
    }
    EXPECT_EQ(interest.facts(a_).refused_subjects, OutboundInterest::kRefusedMax);
    EXPECT_FALSE(sends(interest, "s.0"));
    EXPECT_TRUE(sends(interest, fmt::format("s.{}", OutboundInterest::kRefusedMax)));
    interest.on_account_refused(a_);
    interest.on_account_wanted(a_);
    interest.unsubscribe(a_, "x", {});
    EXPECT_FALSE(sends(interest, "x"));
}

TEST_F(GatewayInterestTest, AFloodOfLongRefusalsIsBounded) {
    OutboundInterest interest(store_, false);
    const std::string longest(OutboundInterest::kRefusedBytesMax / 4, 'x');
    const auto flood = [&](account::Account& account) {
        for (char c = 'a'; c < 'h'; ++c) interest.unsubscribe(account, c + longest, {});
        return interest.facts(account).refused_subjects;
    };
    EXPECT_EQ(flood(a_), 3U);
    EXPECT_EQ(flood(b_), 0U);
    EXPECT_TRUE(interest.subscribe(a_, 'a' + longest, {}));
    EXPECT_EQ(flood(b_), 1U);
    EXPECT_TRUE(interest.subscribe(a_, "*", {}));
    EXPECT_EQ(flood(b_), 3U);
    interest.end_switch(b_);
    EXPECT_EQ(flood(a_), 3U);
}

// ------------------------------------------------------------------------------------- inbound

TEST_F(GatewayInterestTest, AFloodOfLongUnknownAccountsIsBounded) {
    InboundInterest interest(lines_);
    const std::string longest(InboundInterest::kRefusedAccountsBytesMax / 4, 'x');
    for (char c = 'a'; c < 'h'; ++c) interest.on_unknown_account(c + longest);
    EXPECT_EQ(lines_.take().size(), 3U);
    account::Account a('a' + longest, {});
    interest.on_change(a, "foo", {}, true);
    EXPECT_EQ(lines_.take().size(), 1U);
    interest.on_unknown_account('z' + longest);
    EXPECT_EQ(lines_.take().size(), 1U);
}

TEST_F(GatewayInterestTest, AnAccountWithoutInterestIsRefusedOnce) {
    InboundInterest interest(lines_);
    interest.on_unwanted(a_, "foo", false);
    interest.on_unwanted(a_, "bar", false);
    EXPECT_THAT(lines_.take(), ElementsAre("A- A"));
    interest.on_change(a_, "bar", {}, true);
    interest.on_change(a_, "baz", {}, true);
    EXPECT_THAT(lines_.take(), ElementsAre("A+ A"));
    interest.on_unwanted(a_, "foo", false);
    EXPECT_THAT(lines_.take(), ElementsAre("A- A"));
}

TEST_F(GatewayInterestTest, AnUnknownAccountIsRefusedOnceAndWantedWhenItComes) {
    InboundInterest interest(lines_);
    interest.on_unknown_account("A");
    interest.on_unknown_account("A");
    EXPECT_THAT(lines_.take(), ElementsAre("A- A"));
    interest.on_change(a_, "foo", {}, true);
    EXPECT_THAT(lines_.take(), ElementsAre("A+ A"));
}

TEST_F(GatewayInterestTest, ASubjectIsRefusedOnceAndWantedOnce) {
    InboundInterest interest(lines_);
    interest.on_unwanted(a_, "foo", true);
    interest.on_unwanted(a_, "foo", true);
    EXPECT_THAT(lines_.take(), ElementsAre("RS- A foo"));
    interest.on_change(a_, "other", {}, true);
    EXPECT_THAT(lines_.take(), IsEmpty());
    interest.on_change(a_, "foo", {}, true);
    interest.on_change(a_, "foo", {}, true);
    EXPECT_THAT(lines_.take(), ElementsAre("RS+ A foo"));
    interest.on_change(a_, "foo", {}, false);
    EXPECT_THAT(lines_.take(), IsEmpty());
}

TEST_F(GatewayInterestTest, AWildcardIsAnnouncedIfASubjectOfItWasRefused) {
    InboundInterest interest(lines_);
    interest.on_unwanted(a_, "foo.a", true);
    interest.on_unwanted(a_, "foo.b", true);
    (void)lines_.take();
    interest.on_change(a_, "bar.>", {}, true);
    EXPECT_THAT(lines_.take(), IsEmpty());
    interest.on_change(a_, "foo.*", {}, true);
    EXPECT_THAT(lines_.take(), ElementsAre("RS+ A foo.*"));
    EXPECT_EQ(interest.refused_subjects(a_), 0U);
}

TEST_F(GatewayInterestTest, GroupsAreAlwaysAnnouncedAndOnce) {
    InboundInterest interest(lines_);
    interest.on_unwanted(a_, "x", false);
    (void)lines_.take();
    interest.on_change(a_, "foo", "q", true);
    interest.on_change(a_, "foo", "q", true);
    interest.on_change(a_, "foo", "r", true);
    EXPECT_THAT(lines_.take(), ElementsAre("RS+ A foo q", "RS+ A foo r"));
    interest.on_change(a_, "foo", {}, true);  // the A- was withdrawn by the group
    EXPECT_THAT(lines_.take(), IsEmpty());
    interest.on_change(a_, "foo", "q", false);
    interest.on_change(a_, "foo", "q", false);
    EXPECT_THAT(lines_.take(), ElementsAre("RS- A foo q"));
}

TEST_F(GatewayInterestTest, AfterAThousandRefusalsTheAccountSwitches) {
    InboundInterest interest(lines_);
    for (size_t i = 0; i < InboundInterest::kRefusedSubjectsMax; ++i) {
        interest.on_unwanted(a_, fmt::format("s.{}", i), true);
    }
    EXPECT_EQ(lines_.take().size(), InboundInterest::kRefusedSubjectsMax);
    interest.on_unwanted(a_, "s.1", true);
    EXPECT_THAT(lines_.take(), IsEmpty());
    interest.on_unwanted(a_, "one.more", true);
    EXPECT_THAT(lines_.take(), ElementsAre("switch A"));
    EXPECT_EQ(interest.mode(a_), InterestMode::kTransitioning);
    interest.on_change(a_, "foo", {}, true);
    interest.on_unwanted(a_, "bar", true);
    interest.on_unwanted(a_, "bar", false);
    interest.end_switch(a_);
    interest.on_change(a_, "foo", {}, false);
    interest.switch_account(a_);
    EXPECT_THAT(lines_.take(), ElementsAre("RS+ A foo", "RS- A foo"));
    EXPECT_EQ(interest.mode(a_), InterestMode::kInterestOnly);
}

// ---------------------------------------------------------------------------- against each other

// Two ends of one connection, joined by a queue of lines; subscribers come and go, messages are sent.
class Pair : public InboundInterest::Sender {
  public:
    Pair(uint64_t seed, bool interest_only) : prng_(seed), outbound_(store_, interest_only) {
        outbound_.begin(account_);
        if (interest_only) inbound_.switch_account(account_);
    }

    void send_change(account::Account&, std::string_view pattern, std::string_view queue,
                     bool is_wanted) override {
        lines_.push_back([this, pattern = std::string(pattern), queue = std::string(queue), is_wanted] {
            if (is_wanted) {
                EXPECT_TRUE(outbound_.subscribe(account_, pattern, queue));
            } else {
                outbound_.unsubscribe(account_, pattern, queue);
            }
        });
    }
    void send_account(std::string_view, bool is_wanted) override {
        lines_.push_back([this, is_wanted] {
            is_wanted ? outbound_.on_account_wanted(account_) : outbound_.on_account_refused(account_);
        });
    }
    void start_switch(account::Account&) override {
        lines_.push_back([this] { outbound_.begin_switch(account_); });
        for (const auto& [pattern, queue] : wanted_) {
            inbound_.on_change(account_, pattern, queue, true);
        }
        lines_.push_back([this] { outbound_.end_switch(account_); });
        inbound_.end_switch(account_);
    }

    void step() {
        const uint32_t what = prng_.below(10);
        if (what < 3) return change();
        if (what < 7) return publish();
        deliver(prng_.below(4));
    }

    // Everything that is under way has arrived.
    void check() {
        deliver(lines_.size());
        for (const std::string& subject : subjects_) {
            if (is_wanted(subject)) {
                EXPECT_TRUE(sends(subject)) << subject;
            } else if (inbound_.mode(account_) == InterestMode::kInterestOnly) {
                EXPECT_FALSE(sends(subject)) << subject;
            }
        }
        for (const auto& [pattern, queue] : wanted_) {
            if (queue.empty()) continue;
            EXPECT_TRUE(store_.sets[&account_].contains({pattern, queue}));
        }
    }

  private:
    void change() {
        static const std::vector<std::string> patterns = {"a.x", "a.y", "b.x", "b.*", "*.y", "a.>", ">", "c"};
        PlainStore::Key key(patterns[prng_.below(static_cast<uint32_t>(patterns.size()))],
                            prng_.below(3) == 0 ? "q" : "");
        if (wanted_.erase(key) == 0) wanted_.insert(key);
        inbound_.on_change(account_, key.first, key.second, wanted_.contains(key));
    }
    void publish() { publish(subjects_[prng_.below(static_cast<uint32_t>(subjects_.size()))]); }
    // The message arrives later than it was sent: what is decided there is decided by what holds then.
    void publish(const std::string& subject) {
        if (!sends(subject)) return;
        if (prng_.below(2) == 0) change();
        if (!is_wanted(subject)) inbound_.on_unwanted(account_, subject, !wanted_.empty());
    }
    bool sends(const std::string& subject) {
        return store_.matches(account_, subject) && !outbound_.refuses(account_, subject);
    }
    bool is_wanted(const std::string& subject) const {
        for (const auto& [pattern, queue] : wanted_) {
            if (queue.empty() && proto::matches_literal(subject, pattern)) return true;
        }
        return false;
    }
    void deliver(size_t count) {
        count = std::min(count, lines_.size());
        for (size_t i = 0; i < count; ++i) lines_[i]();
        lines_.erase(lines_.begin(), lines_.begin() + static_cast<std::ptrdiff_t>(count));
    }

    const std::vector<std::string> subjects_ = {"a.x", "a.y", "b.x", "b.y", "c", "d.e.f", "a.x.y"};
    base::Prng prng_;
    account::Account account_{"A", {}};
    PlainStore store_;
    std::set<PlainStore::Key> wanted_;
    std::vector<std::function<void()>> lines_;
    InboundInterest inbound_{*this};
    OutboundInterest outbound_;
};

TEST(GatewayInterestPairTest, WhatIsWantedIsSentWhateverTheOrder) {
    for (uint64_t seed = 1; seed <= 300; ++seed) {
        SCOPED_TRACE(seed);
        Pair pair(seed, seed % 3 == 0);
        for (int round = 0; round < 20; ++round) {
            for (int i = 0; i < 20; ++i) pair.step();
            pair.check();
            if (testing::Test::HasFailure()) return;
        }
    }
}

}  // namespace
}  // namespace nuring::gateway

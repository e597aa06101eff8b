// SPDX-License-Identifier: Apache-2.0
// A subscriber that does, in the middle of a delivery, everything that code running there may do: it
// closes links, ends and begins subscriptions, announces, publishes, matches other subjects and writes
// frames of its own. What the others get must be what was published. Method: one meddler stands among
// ordinary clients, and the same message comes in every way that a message can.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/delivery/deliver.h"
#include "core/delivery/remote_server.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/worker_stage.h"

namespace nuring::delivery {
namespace {

using test::SimPeer;
using test::WorkerStage;

// Another server: what is announced to it is written into memory of the pool, as a route does.
class FakeServer final : public RemoteServer {
  public:
    FakeServer(Delivery& delivery, int fd) : RemoteServer(delivery, fd, proto::Kind::kRoute) {
        start();
        delivery.servers.add(*this);
    }
    void deliver_to_server(account::Account&, const MessageRun&, std::string_view) override {}
    void announce(account::Account&, std::string_view pattern, std::string_view) override {
        FramePool::Loan loan(delivery_.frames);
        loan.text() = fmt::format("RS- $G {}\r\n{}", pattern, std::string(20'000, 'R'));
        queue(loan.text());
        ++announcements;
    }
    void copy(uint64_t, size_t, ServerLinkSnapshot*) const override {}
    void on_reload() override {}
    void on_account_changed() override {}
    void announce_lame_duck() override {}

    int announcements = 0;

  private:
    size_t consume(const char* begin, const char* end) override { return static_cast<size_t>(end - begin); }
    void on_close() override { delivery_.servers.remove(*this); }
};

class Meddler final : public link::Link, public Subscriber {
  public:
    Meddler(server::WorkerState& state, int fd)
        : link::Link(state.host, fd, proto::Kind::kClient), state_(state) {
        start();
    }

    void subscribe(std::string_view pattern, std::string_view queue = {}) {
        Delivery& delivery = state_.delivery;
        interest::Subscription* subscription =
            delivery.subscriptions.create({.link = handle(),
                                           .owner = static_cast<Subscriber*>(this),
                                           .subject = pattern,
                                           .queue = queue,
                                           .sid = "1"});
        subscriptions_.push_back(subscription);
        delivery.accounts.global().sublist().insert(subscription);
    }
    void unsubscribe_all() {
        for (interest::Subscription* each : std::exchange(subscriptions_, {})) {
            state_.delivery.subscriptions.retire(each);
            state_.delivery.accounts.global().sublist().remove(each);
        }
    }

    uint32_t deliver(interest::Subscription& subscription, const MessageRun& run,
                     base::LinkHandle /*origin*/) override {
        if (subscription.closed() || !open()) return 0;
        ++*deliveries;
        meddle();
        return run.count;
    }
    bool accepts(const interest::Subscription& subscription, base::LinkHandle) const override {
        return open() && !subscription.closed();
    }
    void on_reload() override {}
    void on_account_changed() override {}
    void announce_lame_duck() override {}

    std::vector<base::LinkHandle> victims;  // links that it closes
    bool closes_itself = false;
    std::shared_ptr<int> deliveries = std::make_shared<int>(0);  // outlives the link

  private:
    void meddle() {
        Delivery& delivery = state_.delivery;
        for (const base::LinkHandle victim : std::exchange(victims, {})) {
            if (link::Link* link = host_.table.find(victim)) link->close(link::CloseReason::kReadError);
        }
        unsubscribe_all();
        subscribe(fmt::format("begun.in.the.middle.{}", *deliveries));
        state_.internal.publish({.account = &delivery.accounts.global(),
                                 .subject = "from.the.middle",
                                 .reply = {},
                                 .headers = {},
                                 .body = std::string(1000, 'p')});
        std::vector<std::unique_ptr<FramePool::Loan>> loans;
        for (int i = 0; i < 8; ++i) {
            loans.push_back(std::make_unique<FramePool::Loan>(delivery.frames));
            (void)frame_message({.subject = "x", .body = std::string(100'000, 'X')}, &loans.back()->text());
        }
        // More subjects than the cache holds, twice, so that they are admitted.
        for (int i = 0; i < 2 * 40'000; ++i) {
            (void)delivery.cache.find(delivery.accounts.global().sublist(),
                                      fmt::format("other.{}", i % 40'000));
        }
        const std::span<char> plaintext = host_.plaintext();
        std::fill(plaintext.begin(), plaintext.end(), 'T');
        if (closes_itself) close(link::CloseReason::kReadError);
    }
    size_t consume(const char* begin, const char* end) override { return static_cast<size_t>(end - begin); }
    void on_close() override { unsubscribe_all(); }

    server::WorkerState& state_;
    std::vector<interest::Subscription*> subscriptions_;
};

class MeddlerTest : public testing::Test {
  protected:
    MeddlerTest() : stage(2) {
        (void)stage.accounts.apply(*options());
        stage.accept_as(0, [this](server::WorkerState& state, int fd) {
            listener = new FakeServer(state.delivery, fd);
        });
    }
    static std::shared_ptr<config::Options> options() {
        auto options = test::test_options();
        config::SubjectMapping mapping;
        mapping.source = "from.*";
        mapping.targets.push_back({.subject = "to.$1", .weight = 100});
        options->mappings.push_back(mapping);
        return options;
    }
    // Clients before and after the meddler, on both workers; in the order of their subscriptions.
    void subscribe(std::string_view subject) {
        for (uint32_t i = 0; i < 3; ++i) before.push_back(&stage.client(i % 2));
        for (SimPeer* each : before) each->ask(fmt::format("SUB {} 9\r\n", subject));
        stage.accept_as(0, [&](server::WorkerState& state, int fd) {
            meddler = new Meddler(state, fd);
            deliveries = meddler->deliveries;
            meddler->subscribe(subject);
            meddler->subscribe(">");
        });
        stage.settle();
        for (uint32_t i = 0; i < 4; ++i) after.push_back(&stage.client(i % 2));
        for (SimPeer* each : after) each->ask(fmt::format("SUB {} 9\r\n", i_pattern(subject, each)));
        SimPeer& victim = stage.client(0);
        victim.ask(fmt::format("SUB {} 9\r\n", subject));
        stage.on_worker(0, [this](server::WorkerState& state) {
            state.host.table.for_each([&](link::Link& link) { last_ = link.handle(); });
            meddler->victims = {last_};
        });
        stage.settle();
    }
    // Literal for some, a pattern for others.
    std::string i_pattern(std::string_view subject, const SimPeer* each) const {
        const bool is_pattern = each == after.front() || each == after.back();
        return is_pattern ? fmt::format("{}.>", subject.substr(0, subject.find('.'))) : std::string(subject);
    }
    void expect_all(std::string_view frame) {
        for (SimPeer* each : before) EXPECT_EQ(each->hear(), frame);
        for (SimPeer* each : after) EXPECT_EQ(each->hear(), frame);
        EXPECT_EQ(*deliveries, 1);
        EXPECT_GT(listener->announcements, 0);
    }

    WorkerStage stage;
    std::vector<SimPeer*> before;
    std::vector<SimPeer*> after;
    FakeServer* listener = nullptr;
    Meddler* meddler = nullptr;       // gone once it has closed itself
    std::shared_ptr<int> deliveries;  // of the meddler
    base::LinkHandle last_;
};

TEST_F(MeddlerTest, AnOrdinaryMessageReachesAllOthersUnchanged) {
    subscribe("to.x");
    stage.client(0).say("PUB to.x inbox 5\r\nhello\r\n");
    expect_all("MSG to.x 9 inbox 5\r\nhello\r\n");
}

TEST_F(MeddlerTest, SoDoesOneThatIsFramedAnew) {
    subscribe("to.x");
    stage.client(0).say("PUB to.x  inbox   5 \r\nhello\r\n");
    expect_all("MSG to.x 9 inbox 5\r\nhello\r\n");
}

TEST_F(MeddlerTest, SoDoesOneWhoseSubjectIsMapped) {
    subscribe("to.x");
    stage.client(0).say("PUB from.x 5\r\nhello\r\n");
    expect_all("MSG to.x 9 5\r\nhello\r\n");
}

TEST_F(MeddlerTest, SoDoesOneThatIsMappedAndFramedAnew) {
    subscribe("to.x");
    stage.client(0).say("PUB  from.x  5 \r\nhello\r\n");
    expect_all("MSG to.x 9 5\r\nhello\r\n");
}

TEST_F(MeddlerTest, SoDoesOneFromAnotherWorker) {
    subscribe("to.x");
    stage.client(1).say("PUB  from.x  5 \r\nhello\r\n");
    expect_all("MSG to.x 9 5\r\nhello\r\n");
}

TEST_F(MeddlerTest, SoDoesOneOfTheServerItself) {
    subscribe("to.x");
    stage.on_worker(0, [](server::WorkerState& state) {
        state.internal.publish({.account = &state.delivery.accounts.global(),
                                .subject = "to.x",
                                .reply = {},
                                .headers = {},
                                .body = "hello"});
    });
    stage.settle();
    expect_all("MSG to.x 9 5\r\nhello\r\n");
}

TEST_F(MeddlerTest, AMeddlerThatClosesItselfOrThePublisherHarmsNobodyElse) {
    subscribe("to.x");
    SimPeer& publisher = stage.client(0);
    stage.on_worker(0, [this](server::WorkerState& state) {
        state.host.table.for_each([&](link::Link& link) { last_ = link.handle(); });
        meddler->victims.push_back(last_);
        meddler->closes_itself = true;
    });
    stage.settle();
    // In two pieces, so that what is delivered lies in memory of the publisher's link.
    publisher.say("PUB  to.x  5 \r\nhe");
    stage.settle();
    publisher.say("llo\r\n");
    expect_all("MSG to.x 9 5\r\nhello\r\n");
    EXPECT_TRUE(publisher.ended());
}

TEST_F(MeddlerTest, ThePartsOfAGroupGoOnBehindAMemberThatMeddles) {
    stage.accept_as(0, [&](server::WorkerState& state, int fd) {
        meddler = new Meddler(state, fd);
        deliveries = meddler->deliveries;
        meddler->subscribe("to.x", "group");
    });
    SimPeer& member = stage.client(0);
    member.ask("SUB to.x group 9\r\n");
    SimPeer& plain = stage.client(1);
    plain.ask("SUB to.x 9\r\n");
    std::string burst;
    std::string frames;
    for (int i = 0; i < 50; ++i) {
        burst += fmt::format("PUB to.x 2\r\n{:02}\r\n", i);
        frames += fmt::format("MSG to.x 9 2\r\n{:02}\r\n", i);
    }
    stage.client(0).say(burst);
    EXPECT_EQ(plain.hear(), frames);
    const std::string heard = member.hear();
    EXPECT_EQ(*deliveries, 1);  // then it is in the group no more
    EXPECT_GE(test::count_of(heard, "MSG to.x 9 2\r\n"), 25U);
}

}  // namespace
}  // namespace nuring::delivery

// SPDX-License-Identifier: Apache-2.0
// Dialer, in the simulator: what it says, when, and what it leaves behind.
#include "core/link/dialer.h"

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/worker_stage.h"

namespace nuring::link {
namespace {

using test::WorkerStage;
using testing::StartsWith;

constexpr uint64_t kDialSecond_ns = 1'000'000'000;
constexpr uint16_t kNobody = 1;  // a port

class DialerTest : public testing::Test {
  protected:
    DialerTest()
        : listener_(stage_.net.listen(0)),
          dialer_(std::make_unique<Dialer>(stage_.state(0).host)) {}
    ~DialerTest() override {
        dialer_.reset();
        stage_.settle();
        if (fd_ >= 0) stage_.state(0).host.ring.close(fd_);
        EXPECT_EQ(stage_.state(0).host.abandoned_connects(), 0U);
        // Two listeners: this one's and the stage's.
        EXPECT_EQ(stage_.net.descriptor_count(), 2U);
    }

    uint16_t port() const { return stage_.net.listener_of(listener_)->port; }
    void set_loss(uint32_t permille) {
        sim::SimFaults faults = stage_.net.faults();
        faults.connect_loss_permille = permille;
        stage_.net.set_faults(faults);
    }
    void start(const std::string& host, uint16_t to_port) {
        const int before = calls_;
        dialer_->dial(host, to_port, kDialSecond_ns, [this](absl::StatusOr<int> fd) { note(fd); });
        EXPECT_EQ(calls_, before) << "from within dial()";
    }
    void dial(const std::string& host, uint16_t to_port) {
        in_turn([&] { start(host, to_port); });
    }
    void in_turn(const std::function<void()>& function) {
        bool done = false;
        stage_.on_worker(0, [&](server::WorkerState&) {
            function();
            done = true;
        });
        while (!done) stage_.step(UINT64_MAX, /*timers=*/false);
    }
    void note(const absl::StatusOr<int>& fd) {
        ++calls_;
        fd_ = fd.ok() ? *fd : -1;
        error_ = fd.ok() ? "" : std::string(base::message_of(fd.status()));
    }
    // What comes of it; "" is a connection.
    std::string result_of(const std::string& host, uint16_t to_port) {
        const int before = calls_;
        dial(host, to_port);
        stage_.pass(2 * kDialSecond_ns);
        EXPECT_EQ(calls_, before + 1);
        EXPECT_FALSE(dialer_->is_dialing());
        return error_;
    }
    void drop() { stage_.state(0).host.ring.close(std::exchange(fd_, -1)); }

    WorkerStage stage_{1};
    const int listener_;
    std::unique_ptr<Dialer> dialer_;
    int calls_ = 0;
    int fd_ = -1;
    std::string error_;
};

TEST_F(DialerTest, ReachesAnAddress) {
    EXPECT_EQ(result_of("127.0.0.1", port()), "");
    EXPECT_GE(fd_, 0);
    EXPECT_EQ(stage_.net.listener_of(listener_)->waiting.size(), 1U);
    EXPECT_EQ(stage_.lookups.count(), 0U);
}

TEST_F(DialerTest, ReachesANameAndTheEmptyHost) {
    EXPECT_EQ(result_of("localhost", port()), "");
    drop();
    EXPECT_EQ(result_of("", port()), "");
}

TEST_F(DialerTest, SaysWhatGoSays) {
    EXPECT_EQ(result_of("127.0.0.1", kNobody), "dial tcp 127.0.0.1:1: connect: connection refused");
    EXPECT_EQ(result_of("::1", kNobody), "dial tcp [::1]:1: connect: connection refused");
    // Longer than the name system allows: no server is asked.
    const std::string never(70, 'n');
    EXPECT_EQ(result_of(never, kNobody), "dial tcp: lookup " + never + ": no such host");
    EXPECT_THAT(result_of("localhost", kNobody), StartsWith("dial tcp "));
    EXPECT_THAT(error_, testing::EndsWith(":1: connect: connection refused"));
    set_loss(1000);
    EXPECT_EQ(result_of("127.0.0.1", port()),
              "dial tcp 127.0.0.1:" + std::to_string(port()) + ": i/o timeout");
}

TEST_F(DialerTest, ALookupThatTakesTooLongServesTheNextAttempt) {
    stage_.lookups.holding = true;
    EXPECT_EQ(result_of("localhost", port()), "dial tcp: lookup localhost: i/o timeout");
    EXPECT_EQ(result_of("localhost", port()), "dial tcp: lookup localhost: i/o timeout");
    EXPECT_EQ(stage_.lookups.count(), 1U) << "one is enough";
    stage_.lookups.release();
    stage_.settle();
    EXPECT_EQ(calls_, 2);
    EXPECT_EQ(result_of("localhost", port()), "");
    EXPECT_EQ(stage_.lookups.count(), 0U);
    drop();
    // It serves one attempt: what is behind a name may change.
    EXPECT_EQ(result_of("localhost", port()), "dial tcp: lookup localhost: i/o timeout");
}

TEST_F(DialerTest, AnAnswerThatComesDuringAnAttemptIsTaken) {
    stage_.lookups.holding = true;
    dial("localhost", port());
    stage_.pass(kDialSecond_ns / 2);
    EXPECT_EQ(calls_, 0);
    stage_.lookups.release();
    stage_.pass(kDialSecond_ns / 4);
    EXPECT_EQ(calls_, 1);
    EXPECT_EQ(error_, "");
}

TEST_F(DialerTest, AnAnswerForAnotherNameIsNone) {
    stage_.lookups.holding = true;
    dial("localhost", port());
    dialer_->cancel();
    const std::string never(70, 'n');
    dial(never, port());
    EXPECT_EQ(stage_.lookups.count(), 2U);
    stage_.lookups.release();
    stage_.settle();
    EXPECT_EQ(calls_, 1);
    EXPECT_EQ(error_, "dial tcp: lookup " + never + ": no such host");
}

TEST_F(DialerTest, CancelIsTheEnd) {
    dial("127.0.0.1", port());
    dialer_->cancel();
    dialer_->cancel();
    EXPECT_FALSE(dialer_->is_dialing());
    stage_.lookups.holding = true;
    dial("localhost", port());
    dialer_->cancel();
    stage_.lookups.release();
    set_loss(1000);
    dial("127.0.0.1", port());
    stage_.settle();
    EXPECT_EQ(stage_.state(0).host.abandoned_connects(), 0U);
    dialer_->cancel();
    EXPECT_EQ(stage_.state(0).host.abandoned_connects(), 1U);
    stage_.pass(3 * kDialSecond_ns);
    EXPECT_EQ(calls_, 0);
}

// As late as it likes: the connection may come about just when nobody wants it any more.
TEST_F(DialerTest, CancelAtAnyTimeLeavesNothingBehind) {
    for (uint64_t after_ns = 0; after_ns < 200'000; after_ns += 1'000) {
        const int calls = calls_;
        dial("127.0.0.1", port());
        const uint64_t until_ns = stage_.net.now_ns() + after_ns;
        while (stage_.step(until_ns, /*timers=*/false)) {
        }
        if (calls_ == calls) {
            dialer_->cancel();
        } else {
            drop();
        }
        stage_.settle();
    }
    EXPECT_GT(calls_, 0);
    EXPECT_LT(calls_, 200);
}

TEST_F(DialerTest, GoesAwayWhileALookupRuns) {
    stage_.lookups.holding = true;
    dial("localhost", port());
    dialer_.reset();
    stage_.lookups.release();
    stage_.settle();
    EXPECT_EQ(calls_, 0);
}

TEST_F(DialerTest, GoesAwayFromWithinDone) {
    for (const uint16_t to : {port(), kNobody}) {
        dialer_ = std::make_unique<Dialer>(stage_.state(0).host);
        in_turn([&] {
            dialer_->dial("127.0.0.1", to, kDialSecond_ns, [this](absl::StatusOr<int> fd) {
                note(fd);
                dialer_.reset();
                if (fd_ >= 0) drop();
            });
        });
        stage_.settle();
    }
    EXPECT_EQ(calls_, 2);
    set_loss(1000);
    dialer_ = std::make_unique<Dialer>(stage_.state(0).host);
    in_turn([&] {
        dialer_->dial("127.0.0.1", port(), kDialSecond_ns, [this](absl::StatusOr<int> fd) {
            note(fd);
            dialer_.reset();
        });
    });
    stage_.pass(2 * kDialSecond_ns);
    EXPECT_EQ(calls_, 3);
}

TEST_F(DialerTest, DialsAgainFromWithinDone) {
    in_turn([&] {
        dialer_->dial("127.0.0.1", kNobody, kDialSecond_ns, [this](absl::StatusOr<int> fd) {
            note(fd);
            start("127.0.0.1", port());
        });
    });
    stage_.settle();
    EXPECT_EQ(calls_, 2);
    EXPECT_EQ(error_, "");
}

TEST_F(DialerTest, AWorkerIsDrainedOnlyWhenTheRingHasGivenAllBack) {
    set_loss(1000);
    dial("127.0.0.1", port());
    stage_.settle();
    bool drained = false;
    stage_.on_worker(0, [&](server::WorkerState& state) {
        dialer_.reset();
        EXPECT_EQ(state.host.abandoned_connects(), 1U);
        state.drain.stop([](void* state) { *static_cast<bool*>(state) = true; }, &drained);
    });
    stage_.settle();
    EXPECT_TRUE(drained);
    EXPECT_EQ(stage_.state(0).host.abandoned_connects(), 0U);
}

}  // namespace
}  // namespace nuring::link

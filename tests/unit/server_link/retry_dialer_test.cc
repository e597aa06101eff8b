// SPDX-License-Identifier: Apache-2.0
#include "core/server_link/retry_dialer.h"

#include <memory>
#include <optional>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/worker_stage.h"

namespace nuring::server_link {
namespace {

using test::WorkerStage;
using testing::ElementsAre;

constexpr uint64_t kPauseSecond_ns = 1'000'000'000;
constexpr uint16_t kRefusingPort = 1;  // a port

// Nobody listens where the dialer of worker 0 tries.
class RetryDialerTest : public testing::Test, public RetryDialer::User {
  protected:
    ~RetryDialerTest() override {
        dialer_.reset();
        stage_.settle();
    }
    void start(const RetryRules& rules, uint64_t delay_ns) {
        stage_.on_worker(0, [&](server::WorkerState& state) {
            dialer_ = std::make_unique<RetryDialer>(*this, state.delivery, nobody(), rules);
            dialer_->start(delay_ns);
        });
        stage_.settle();
    }
    // The whole seconds between the attempts of that time.
    std::vector<uint64_t> pauses_of(const RetryRules& rules, uint64_t seconds) {
        start(rules, 0);
        stage_.pass(seconds * kPauseSecond_ns);
        std::vector<uint64_t> pauses;
        for (size_t i = 1; i < attempts_ns_.size(); ++i) {
            pauses.push_back((attempts_ns_[i] - attempts_ns_[i - 1]) / kPauseSecond_ns);
        }
        return pauses;
    }

    WorkerStage stage_{1};
    std::unique_ptr<RetryDialer> dialer_;
    std::vector<uint64_t> attempts_ns_;

  private:
    static LinkTarget nobody() { return {.host = "127.0.0.1", .port = kRefusingPort}; }
    std::optional<LinkTarget> next_target(RetryDialer& /*dialer*/) override { return nobody(); }
    void on_attempt(RetryDialer& /*dialer*/) override { attempts_ns_.push_back(stage_.net.now_ns()); }
    void on_connected(RetryDialer& /*dialer*/, int /*fd*/) override { FAIL(); }
    bool on_failed(RetryDialer& /*dialer*/, const absl::Status& /*error*/) override { return true; }
    void on_ended(RetryDialer& /*dialer*/) override { FAIL(); }
};

TEST_F(RetryDialerTest, PausesAreEqual) {
    EXPECT_THAT(pauses_of({.jitter_ns = 0}, 4), ElementsAre(1, 1, 1));
}

TEST_F(RetryDialerTest, PausesOfABackoffDoubleUpToTheLongest) {
    EXPECT_THAT(pauses_of({.pause_max_ns = 5 * kPauseSecond_ns, .jitter_ns = 0, .has_backoff = true}, 19),
                ElementsAre(1, 2, 4, 5, 5));
}

TEST_F(RetryDialerTest, TheFirstAttemptComesAfterTheDelay) {
    start({}, 2 * kPauseSecond_ns);
    EXPECT_EQ(dialer_->attempts(), 0);
    stage_.pass(5 * kPauseSecond_ns / 2);
    EXPECT_EQ(dialer_->attempts(), 1);
}

TEST(ReconnectDelayTest, IsLongerWhereTheServerIsConfigured) {
    base::Prng prng(1);
    for (int i = 0; i < 100; ++i) {
        EXPECT_LT(reconnect_delay_ns(prng, /*is_explicit=*/false), kPauseSecond_ns);
        EXPECT_GE(reconnect_delay_ns(prng, /*is_explicit=*/true), kPauseSecond_ns);
    }
}

TEST(RetryReportTest, TheFirstAttemptAndEachSoManiethIsReported) {
    EXPECT_TRUE(is_reported(1, 0));
    EXPECT_FALSE(is_reported(2, 0));
    EXPECT_FALSE(is_reported(9, 5));
    EXPECT_TRUE(is_reported(10, 5));
}

}  // namespace
}  // namespace nuring::server_link

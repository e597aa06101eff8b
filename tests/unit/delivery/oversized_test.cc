// SPDX-License-Identifier: Apache-2.0
// Subjects that no client can send, but a mapping or an import can make: they go no further, are counted,
// and disturb nobody.
#include <string>

#include "core/account/account.h"
#include "core/delivery/records.h"
#include "fmt/format.h"
#include "proto/limits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/worker_stage.h"

namespace nuring::delivery {
namespace {

using test::SimPeer;
using test::WorkerStage;
using testing::EndsWith;
using testing::HasSubstr;

// Longer than any subject of a client.
std::string long_token() { return std::string(kNamesSizeMax + 6'000, 'x'); }

// As long as the configuration permits; a long token of the publisher makes it too long.
std::string long_target() { return fmt::format("to.{}.$1.$1.$1", std::string(proto::kSubjectSizeMax - 100, 'x')); }

class OversizedTest : public testing::Test {
  protected:
    OversizedTest() : stage(2, options()) { (void)stage.accounts.apply(*options()); }
    static std::shared_ptr<config::Options> options() {
        auto options = test::test_options();
        config::SubjectMapping mapping;
        mapping.source = "long.*";
        mapping.targets.push_back({.subject = long_target(), .weight = 100});
        options->mappings.push_back(mapping);
        options->max_control_line = 32 * 1024;
        return options;
    }

    WorkerStage stage;
};

TEST_F(OversizedTest, AMappedSubjectThatIsTooLongIsDroppedAndCounted) {
    SimPeer& subscriber = stage.client(1);
    subscriber.ask("SUB to.> 1\r\nSUB other 2\r\n");
    SimPeer& publisher = stage.client(0, ",\"headers\":true,\"no_responders\":true");
    publisher.ask("SUB inbox 3\r\n");
    const std::string token(3'900, 'y');
    const std::string answer = publisher.ask(
        fmt::format("PUB long.{} inbox 2\r\nhi\r\nPUB  long.{}  2\r\nhi\r\nPING\r\n", token, token));
    EXPECT_THAT(answer, HasSubstr("503"));
    EXPECT_THAT(answer, EndsWith("PONG\r\n"));
    EXPECT_EQ(subscriber.hear(), "");
    EXPECT_EQ(stage.state(0).delivery.counters().oversized, 2U);
    EXPECT_EQ(publisher.ask("PUB other 2\r\nok\r\n"), "");
    EXPECT_EQ(subscriber.hear(), "MSG other 2 2\r\nok\r\n");
}

TEST_F(OversizedTest, TheServerPublishesNothingUnderALongerSubject) {
    SimPeer& subscriber = stage.client(1);
    subscriber.ask("SUB > 1\r\n");
    stage.on_worker(0, [](server::WorkerState& state) {
        account::Account& account = state.delivery.accounts.global();
        state.internal.publish(
            {.account = &account, .subject = long_token(), .reply = {}, .headers = {}, .body = "x"});
        state.internal.publish({.account = &account,
                                .subject = std::string(kNamesSizeMax, 's'),
                                .reply = "r",
                                .headers = {},
                                .body = "x"});
        EXPECT_EQ(state.internal.subscribe(account, std::string(kNamesSizeMax + 1, 'p'),
                                           [](const client::InternalMessage&) {}),
                  0U);
    });
    stage.settle();
    EXPECT_EQ(subscriber.hear(), "");
    EXPECT_THAT(subscriber.ask("PING\r\n"), EndsWith("PONG\r\n"));
}

TEST_F(OversizedTest, AMappedSubjectIsTooLongWithItsReplySubject) {
    SimPeer& subscriber = stage.client(1);
    subscriber.ask("SUB to.> 1\r\n");
    SimPeer& publisher = stage.client(0);
    const std::string reply(kNamesSizeMax - proto::kSubjectSizeMax + 100, 'r');
    EXPECT_EQ(publisher.ask(fmt::format("PUB long.y {} 2\r\nhi\r\nPING\r\n", reply)), "PONG\r\n");
    EXPECT_EQ(subscriber.hear(), "");
    EXPECT_EQ(stage.state(0).delivery.counters().oversized, 1U);
}

}  // namespace
}  // namespace nuring::delivery

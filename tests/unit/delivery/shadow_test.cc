// SPDX-License-Identifier: Apache-2.0
// Subscriptions of an importing account, which stand as shadows in the exporting one.
#include "core/delivery/shadow.h"

#include <memory>
#include <string>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/worker_stage.h"

namespace nuring::delivery {
namespace {

using test::count_of;
using test::SimPeer;
using test::WorkerStage;

// EXP exports `feed.>` and `key.*`; IMP takes `feed.>`, if asked to, and `key.*` by the partition of its
// token.
std::shared_ptr<config::Options> exchange(bool takes_feed) {
    auto options = test::test_options();
    config::AccountOptions exporter{.name = "EXP"};
    config::AccountOptions importer{.name = "IMP"};
    for (const char* subject : {"feed.>", "key.*"}) {
        exporter.exports.push_back({.kind = config::ExchangeKind::kStream, .subject = subject});
    }
    importer.imports.push_back({.kind = config::ExchangeKind::kStream,
                                .account = "EXP",
                                .subject = "key.*",
                                .to = "part.{{partition(4,1)}}"});
    if (takes_feed) {
        importer.imports.push_back(
            {.kind = config::ExchangeKind::kStream, .account = "EXP", .subject = "feed.>", .prefix = "from"});
    }
    options->accounts = {exporter, importer};
    options->authorization.users = {{.name = "exp", .password = "p", .account = "EXP"},
                                    {.name = "imp", .password = "p", .account = "IMP"}};
    return options;
}

class ShadowTest : public testing::Test {
  protected:
    ShadowTest() { (void)stage.accounts.apply(*options); }
    SimPeer& user(std::string_view name, uint32_t worker) {
        return stage.client(worker, fmt::format(",\"user\":\"{}\",\"pass\":\"p\"", name));
    }
    uint64_t shadow_count() { return stage.accounts.find("EXP")->sublist().count(); }

    std::shared_ptr<config::Options> options = exchange(/*takes_feed=*/true);
    WorkerStage stage{2, options};
};

TEST_F(ShadowTest, ASubscriptionGetsWhatTheExporterPublishesUnderItsLocalSubject) {
    SimPeer& here = user("imp", 0);
    SimPeer& there = user("imp", 1);
    for (SimPeer* each : {&here, &there}) each->ask("SUB from.feed.* 1\r\n");
    EXPECT_EQ(shadow_count(), 2U);
    SimPeer& sends = user("exp", 0);
    sends.ask("PUB feed.a 1\r\nx\r\nPUB feed.b 1\r\ny\r\nPUB feed.a 1\r\nz\r\nPUB feed.a.b 1\r\nn\r\n");
    for (SimPeer* each : {&here, &there}) {
        EXPECT_EQ(each->hear(),
                  "MSG from.feed.a 1 1\r\nx\r\nMSG from.feed.b 1 1\r\ny\r\nMSG from.feed.a 1 1\r\nz\r\n");
    }
    here.ask("UNSUB 1\r\n");
    EXPECT_EQ(shadow_count(), 1U);
}

TEST_F(ShadowTest, WhatAWiderShadowGetsTooGoesNoFurther) {
    SimPeer& one = user("imp", 0);
    SimPeer& all = user("imp", 0);
    one.ask("SUB part.1 1\r\n");
    all.ask("SUB part.* 1\r\n");
    SimPeer& sends = user("exp", 0);
    for (int i = 0; i < 40; ++i) sends.ask(fmt::format("PUB key.{} 1\r\nx\r\n", i));
    const std::string everything = all.hear();
    const size_t share = count_of(everything, "MSG part.1 1 ");
    EXPECT_EQ(count_of(everything, "MSG "), 40U);
    EXPECT_GT(share, 0U);
    EXPECT_LT(share, 40U);
    const std::string heard = one.hear();
    EXPECT_EQ(count_of(heard, "MSG part.1 1 "), share);
    EXPECT_EQ(count_of(heard, "MSG "), share);
}

TEST_F(ShadowTest, AnImportThatIsNoLongerGivenEndsAndTheOthersStay) {
    SimPeer& client = user("imp", 1);
    client.ask("SUB from.feed.* 1\r\nSUB part.* 2\r\n");
    EXPECT_EQ(shadow_count(), 2U);
    const auto retired = stage.accounts.apply(*exchange(/*takes_feed=*/false));
    stage.on_worker(1, [](server::WorkerState& state) { state.refresh_accounts(); });
    stage.settle();
    EXPECT_EQ(shadow_count(), 1U);
    user("exp", 0).ask("PUB feed.a 1\r\nx\r\nPUB key.a 1\r\ny\r\n");
    const std::string heard = client.hear();
    EXPECT_EQ(count_of(heard, "MSG "), 1U);
    EXPECT_EQ(count_of(heard, "MSG part."), 1U);
    client.ask("UNSUB 2\r\n");
    EXPECT_EQ(shadow_count(), 0U);
}

TEST_F(ShadowTest, ThoseOfMembersThatAreReleasedLaterAreInNoGroupOfTheirWorker) {
    stage.state(1).host.set_released_per_turn(10);
    SimPeer& leaves = user("imp", 1);
    std::string lines;
    for (int i = 0; i < 500; ++i) lines += fmt::format("SUB from.feed.a q {}\r\n", i);
    leaves.ask(lines);
    interest::Sublist& exporter = stage.accounts.find("EXP")->sublist();
    stage.on_worker(1, [&](server::WorkerState& state) {
        state.host.table.for_each([](link::Link& link) { link.close(link::CloseReason::kClientClosed); });
        EXPECT_GT(exporter.count(), 400U);
        EXPECT_TRUE(state.delivery.cache.find(exporter, "feed.a").result().empty());
    });
    stage.settle();
    EXPECT_EQ(shadow_count(), 0U);
}

}  // namespace
}  // namespace nuring::delivery

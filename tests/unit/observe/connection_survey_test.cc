// SPDX-License-Identifier: Apache-2.0
#include "core/observe/connection_survey.h"

#include <string>
#include <vector>

#include "fmt/format.h"
#include "gtest/gtest.h"
#include "tests/support/worker_stage.h"

namespace nuring::observe {
namespace {

using test::WorkerStage;

struct Answer {
    uint64_t total = 0;
    size_t slices = 0;
    std::vector<std::string> names;
    std::vector<client::ConnectionSnapshot> connections;
};

// Asks worker 0, slice by slice, as a worker would.
Answer ask(WorkerStage& stage, const ConnectionQuery& query) {
    Answer answer;
    ConnectionSurvey survey(query);
    stage.on_worker(0, [&](server::WorkerState& state) {
        do {
            ++answer.slices;
        } while (!survey.step(state.view()));
    });
    stage.pass(1'000'000);
    answer.total = survey.total();
    for (const client::ConnectionSnapshot& each : survey.connections())
        answer.names.push_back(each.name);
    answer.connections = std::move(survey.connections());
    return answer;
}

test::SimPeer& named(WorkerStage& stage, std::string_view name) {
    return stage.client(0, fmt::format(",\"name\":\"{}\"", name));
}

using Names = std::vector<std::string>;

TEST(ConnectionSurveyTest, CopiesTheFirstOnesOfTheOrderOnly) {
    WorkerStage stage(1);
    for (int i = 0; i < 5; ++i) {
        test::SimPeer& peer = named(stage, fmt::format("c{}", i));
        for (int sid = 0; sid < i; ++sid) peer.ask(fmt::format("SUB s.{0} {0}\r\nPING\r\n", sid));
    }
    EXPECT_EQ(ask(stage, {.count_max = 2}).names, (Names{"c0", "c1"}));
    const Answer most = ask(stage, {.sort = ConnectionSort::kSubscriptions, .count_max = 3});
    EXPECT_EQ(most.names, (Names{"c4", "c3", "c2"}));
    EXPECT_EQ(most.total, 5);
    EXPECT_TRUE(most.connections[0].subscriptions.empty());
    EXPECT_EQ(most.connections[0].subscription_count, 4);
    EXPECT_EQ(ask(stage, {.count_max = 0}).names, Names());
}

TEST(ConnectionSurveyTest, ManySubscriptionsAreCopiedInSlices) {
    WorkerStage stage(1);
    test::SimPeer& peer = named(stage, "many");
    std::string text;
    for (int sid = 0; sid < 2000; ++sid) text += fmt::format("SUB s.{0} {0}\r\n", sid);
    peer.ask(text + "PING\r\n");
    const Answer without = ask(stage, {});
    const Answer with = ask(stage, {.subscriptions = true});
    ASSERT_EQ(with.connections.size(), 1);
    EXPECT_EQ(with.connections[0].subscriptions.size(), 2000);
    EXPECT_GE(with.slices, without.slices + 3);
}

TEST(ConnectionSurveyTest, FindsThoseWhoseSubscriptionsOverlap) {
    WorkerStage stage(1);
    named(stage, "literal").ask("SUB a.b 1\r\nPING\r\n");
    named(stage, "pattern").ask("SUB a.* 1\r\nPING\r\n");
    named(stage, "other").ask("SUB c 1\r\nPING\r\n");
    EXPECT_EQ(ask(stage, {.subject_filter = "a.>"}).names, (Names{"literal", "pattern"}));
    EXPECT_EQ(ask(stage, {.subject_filter = "a.x"}).names, Names{"pattern"});
}

TEST(ConnectionSurveyTest, OneThatLeavesBetweenTwoSlicesIsNotTakenForTheNext) {
    WorkerStage stage(1);
    test::SimPeer& leaves = named(stage, "leaves");
    std::string text;
    for (int sid = 0; sid < 2000; ++sid) text += fmt::format("SUB other.{0} {0}\r\n", sid);
    leaves.ask(text + "PING\r\n");
    text.clear();
    for (int sid = 0; sid < 2000; ++sid) text += fmt::format("SUB a {}\r\n", sid);
    named(stage, "stays").ask(text + "PING\r\n");
    const uint64_t cid = ask(stage, {}).connections[0].cid;
    ConnectionSurvey survey({.cid = cid, .subject_filter = "a"});
    bool is_done = false;
    const auto step = [&](server::WorkerState& state) { is_done = survey.step(state.view()); };
    stage.on_worker(0, step);
    stage.settle();
    EXPECT_FALSE(is_done);
    leaves.stream().close();
    stage.pass(1'000'000'000);
    while (!is_done) {
        stage.on_worker(0, step);
        stage.settle();
    }
    EXPECT_EQ(survey.total(), 0);
}

TEST(ConnectionSurveyTest, TheTotalCountsAllThatMatchAndNoOthers) {
    WorkerStage stage(1);
    for (int i = 0; i < 5; ++i) named(stage, fmt::format("c{}", i)).ask("SUB a 1\r\nPING\r\n");
    named(stage, "other").ask("SUB b 1\r\nPING\r\n");
    const Answer everything = ask(stage, {});
    EXPECT_EQ(everything.total, 6);
    EXPECT_EQ(ask(stage, {.subject_filter = "a", .count_max = 2}).total, 5);
    EXPECT_EQ(ask(stage, {.cid = everything.connections[3].cid, .count_max = 1}).total, 1);
    EXPECT_EQ(ask(stage, {.cid = 999'999}).total, 0);
    EXPECT_EQ(ask(stage, {.user = "nobody"}).total, 0);
    EXPECT_EQ(ask(stage, {.account = "none"}).total, 0);
}

TEST(ConnectionSurveyTest, TheClosedAreFoundWithTheirReason) {
    WorkerStage stage(1);
    named(stage, "stays");
    test::SimPeer& goes = named(stage, "goes");
    goes.stream().close();
    stage.pass(1'000'000'000);
    EXPECT_EQ(ask(stage, {}).names, Names{"stays"});
    const Answer closed = ask(stage, {.state = ConnectionState::kClosed});
    ASSERT_EQ(closed.names, Names{"goes"});
    EXPECT_EQ(closed.connections[0].reason, link::CloseReason::kClientClosed);
    EXPECT_NE(closed.connections[0].stop_ns, 0);
    EXPECT_EQ(ask(stage, {.state = ConnectionState::kAll}).total, 2);
    EXPECT_EQ(ask(stage, {.state = ConnectionState::kAll, .count_max = 1}).names, Names{"stays"});
}

}  // namespace
}  // namespace nuring::observe

// SPDX-License-Identifier: Apache-2.0
// Requests into other accounts and the answers to them, over two workers: the responders live on worker 1
// unless a test says otherwise.
#include "core/delivery/services.h"

#include <string>
#include <utility>
#include <vector>

#include "core/account/account.h"
#include "core/delivery/records.h"
#include "core/delivery/service_latency.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/worker_stage.h"

namespace nuring::delivery {
namespace {

using test::count_of;
using test::SimPeer;
using test::WorkerStage;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

constexpr uint64_t kMillisecond_ns = 1'000'000;
constexpr uint64_t kSecond_ns = 1'000'000'000;
constexpr char kNoResponders[] = "NATS/1.0 503\r\n";

config::AccountExport service(std::string subject,
                              config::ResponseType type = config::ResponseType::kSingleton) {
    return {.kind = config::ExchangeKind::kService, .subject = std::move(subject), .response_type = type};
}
config::AccountImport import_service(std::string account, std::string subject, std::string to = {}) {
    return {.kind = config::ExchangeKind::kService,
            .account = std::move(account),
            .subject = std::move(subject),
            .to = std::move(to)};
}

// Every second token or so is an asterisk: as many patterns as there are sets of tokens.
constexpr size_t kFanTokens = 7;
std::string fan_pattern(uint32_t stars) {
    std::string pattern;
    for (size_t i = 0; i < kFanTokens; ++i) {
        if (i > 0) pattern += '.';
        pattern += (stars >> i & 1) != 0 ? "*" : "f";
    }
    return pattern;
}

// Users a, b, c and d of accounts A to D. A asks B, and over B also C and over that B again; A and B lead
// `circle` to each other; `f.f.f.f.f.f.f` is in A the name of more services of B than a message may go to; D
// sees what is published in B under `one.>`.
std::shared_ptr<config::Options> four_accounts() {
    auto options = test::test_options();
    config::AccountOptions a{.name = "A"};
    config::AccountOptions b{.name = "B"};
    config::AccountOptions c{.name = "C"};
    config::AccountOptions d{.name = "D"};
    b.exports = {service("one.>"), service("many", config::ResponseType::kStream), service("chain"),
                 service("circle"), service("measured"), service("told")};
    b.exports[1].response_threshold = config::nanoseconds(kSecond_ns);
    b.exports[4].response_threshold = config::nanoseconds(kSecond_ns);
    b.exports[4].latency = config::LatencyOptions{.sampling = 100, .subject = "latency"};
    b.exports.push_back({.kind = config::ExchangeKind::kStream, .subject = "one.>"});
    a.imports = {import_service("B", "one.>"), import_service("B", "many"),   import_service("B", "chain"),
                 import_service("B", "circle"), import_service("B", "measured"), import_service("B", "told")};
    a.imports[5].share = true;
    a.exports = {service("circle")};
    b.imports = {import_service("A", "circle"), import_service("C", "end", "chain")};
    b.imports[1].share = true;
    c.exports = {service("end"), service("there")};
    a.imports.push_back(import_service("B", "to"));
    b.exports.push_back(service("to"));
    b.exports.push_back(service("back"));
    b.imports.push_back(import_service("C", "there", "to"));
    c.imports = {import_service("B", "back", "there")};
    for (uint32_t stars = 1; stars < 1U << kFanTokens; ++stars) {
        const std::string subject = fmt::format("fan{}", stars);
        std::string wildcards;
        for (uint32_t rest = stars; rest != 0; rest &= rest - 1) wildcards += ".*";
        b.exports.push_back(service(subject + wildcards));
        a.imports.push_back(import_service("B", subject + wildcards, fan_pattern(stars)));
    }
    d.imports = {{.kind = config::ExchangeKind::kStream, .account = "B", .subject = "one.>"}};
    options->accounts = {a, b, c, d};
    options->max_control_line = 32 * 1024;
    for (const char* user : {"a", "b", "c", "d"}) {
        options->authorization.users.push_back(
            {.name = user, .password = "p", .account = std::string(1, static_cast<char>(user[0] - 'a' + 'A'))});
    }
    return options;
}

class ServicesTest : public testing::Test {
  protected:
    explicit ServicesTest(size_t mailbox_bytes = size_t{256} * 1024)
        : options(four_accounts()), stage(2, options, mailbox_bytes) {
        (void)stage.accounts.apply(*options);
    }
    SimPeer& user(std::string_view name, uint32_t worker) {
        return stage.client(worker,
                            fmt::format(",\"user\":\"{}\",\"pass\":\"p\",\"headers\":true,\"no_responders\":true",
                                        name));
    }
    SimPeer& requestor(uint32_t worker = 0) {
        SimPeer& peer = user("a", worker);
        peer.ask("SUB inbox.> 7\r\n");
        return peer;
    }
    // The reply subject in the one message that was heard.
    static std::string reply_of(const std::string& heard) {
        const size_t at = heard.find("_R_.");
        EXPECT_NE(at, std::string::npos) << heard;
        return at == std::string::npos ? "none" : heard.substr(at, ReplyTable::kSubjectSize);
    }
    size_t routes(uint32_t worker = 0) { return stage.state(worker).delivery.services.replies().size(); }

    std::shared_ptr<config::Options> options;
    WorkerStage stage;
};

TEST_F(ServicesTest, ARequestAndItsAnswerCrossAccountsWhateverTheWorkers) {
    for (const uint32_t where : {0U, 1U}) {
        SimPeer& responder = user("b", where);
        responder.ask("SUB one.* 1\r\n");
        SimPeer& asks = requestor();
        asks.say("PUB one.x inbox.1 2\r\nhi\r\n");
        const std::string request = responder.hear();
        EXPECT_THAT(request, StartsWith("HMSG one.x 1 _R_."));
        EXPECT_THAT(request, HasSubstr("\r\nNats-Request-Info: {\"acc\":\"A\",\"rtt\":"));
        EXPECT_THAT(request, EndsWith("}\r\n\r\nhi\r\n"));
        const std::string reply = reply_of(request);
        responder.say(fmt::format("PUB {} 3\r\nyes\r\n", reply));
        EXPECT_EQ(asks.hear(), "MSG inbox.1 7 3\r\nyes\r\n");
        EXPECT_EQ(routes(), 0U) << "one answer is all";
        EXPECT_THAT(responder.ask(fmt::format("PUB {} 3\r\nyes\r\n", reply)), IsEmpty());
        EXPECT_EQ(asks.hear(), "");
        responder.ask("UNSUB 1\r\n");
    }
}

TEST_F(ServicesTest, AnAnswerMayHaveHeadersAndNoBody) {
    SimPeer& responder = user("b", 1);
    responder.ask("SUB one.x 1\r\n");
    SimPeer& asks = requestor();
    asks.say("PUB one.x inbox.1 0\r\n\r\n");
    responder.say(fmt::format("HPUB {} 12 12\r\nNATS/1.0\r\n\r\n\r\n", reply_of(responder.hear())));
    EXPECT_EQ(asks.hear(), "HMSG inbox.1 7 12 12\r\nNATS/1.0\r\n\r\n\r\n");
}

TEST_F(ServicesTest, AStreamOfAnswersEndsWithAnEmptyOne) {
    SimPeer& responder = user("b", 1);
    responder.ask("SUB many 1\r\n");
    SimPeer& asks = requestor();
    asks.say("PUB many inbox.1 0\r\n\r\n");
    const std::string reply = reply_of(responder.hear());
    // Each answer gives the next one the whole time again.
    for (int i = 0; i < 4; ++i) {
        stage.pass(700 * kMillisecond_ns);
        responder.say(fmt::format("PUB {} 1\r\n{}\r\n", reply, i));
        EXPECT_THAT(asks.hear(), EndsWith(fmt::format("MSG inbox.1 7 1\r\n{}\r\n", i)));  // behind a PING
    }
    responder.say(fmt::format("PUB {} 0\r\n\r\n", reply));
    EXPECT_EQ(asks.hear(), "MSG inbox.1 7 0\r\n\r\n");
    EXPECT_EQ(routes(), 0U);
    responder.say(fmt::format("PUB {} 1\r\nx\r\n", reply));
    EXPECT_EQ(asks.hear(), "");
}

TEST_F(ServicesTest, AnAnswerThatIsLateGoesNowhere) {
    SimPeer& responder = user("b", 1);
    responder.ask("SUB many 1\r\n");
    SimPeer& asks = requestor();
    asks.say("PUB many inbox.1 0\r\n\r\n");
    const std::string reply = reply_of(responder.hear());
    stage.pass(1100 * kMillisecond_ns);
    responder.say(fmt::format("PUB {} 1\r\nx\r\n", reply));
    EXPECT_EQ(asks.hear(), "");
}

TEST_F(ServicesTest, WithoutRespondersTheRequestorIsToldAndNoRouteStays) {
    SimPeer& asks = requestor();
    EXPECT_THAT(asks.ask("PUB one.x inbox.1 0\r\n\r\n"), HasSubstr(kNoResponders));
    EXPECT_THAT(asks.ask("PUB chain inbox.1 0\r\n\r\n"), HasSubstr(kNoResponders));
    EXPECT_EQ(routes(), 0U);
}

TEST_F(ServicesTest, ARouteWhoseRequestorHasGoneEndsWithTheFirstAnswer) {
    SimPeer& responder = user("b", 0);
    responder.ask("SUB many 1\r\n");
    SimPeer& asks = requestor();
    asks.say("PUB many inbox.1 0\r\n\r\n");
    const std::string reply = reply_of(responder.hear());
    asks.ask("UNSUB 7\r\n");
    EXPECT_EQ(routes(), 1U);
    EXPECT_THAT(responder.ask(fmt::format("PUB {} 1\r\nx\r\n", reply)), IsEmpty());
    EXPECT_EQ(routes(), 0U);
}

TEST_F(ServicesTest, TheRequestorMayAnswerToAnAnswer) {
    SimPeer& responder = user("b", 1);
    responder.ask("SUB one.x 1\r\nSUB own.> 2\r\n");
    SimPeer& asks = requestor();
    asks.say("PUB one.x inbox.1 0\r\n\r\n");
    responder.say(fmt::format("PUB {} own.1 3\r\nyes\r\n", reply_of(responder.hear())));
    const std::string answer = asks.hear();
    EXPECT_THAT(answer, StartsWith("MSG inbox.1 7 _R_."));
    asks.say(fmt::format("PUB {} 3\r\nwhy\r\n", reply_of(answer)));
    EXPECT_EQ(responder.hear(), "MSG own.1 2 3\r\nwhy\r\n");
}

TEST_F(ServicesTest, AChainOfImportsNamesTheAccountBetween) {
    SimPeer& responder = user("c", 1);
    responder.ask("SUB end 1\r\n");
    SimPeer& asks = requestor();
    asks.say("PUB chain inbox.1 0\r\n\r\n");
    const std::string request = responder.hear();
    EXPECT_THAT(request, HasSubstr("\"acc\":\"A\",\"svc\":\"B\""));
    responder.say(fmt::format("PUB {} 3\r\nyes\r\n", reply_of(request)));
    EXPECT_EQ(asks.hear(), "MSG inbox.1 7 3\r\nyes\r\n");
    EXPECT_EQ(routes(), 0U);
}

TEST_F(ServicesTest, AChainCountsAgainstTheAccountThatAsks) {
    user("c", 1).ask("SUB end 1\r\n");
    SimPeer& asks = requestor();
    asks.ask("PUB chain inbox.1 0\r\n\r\n");
    EXPECT_EQ(routes(), 2U);
    const ReplyTable& replies = stage.state(0).delivery.services.replies();
    EXPECT_GT(replies.reply_bytes(*stage.accounts.find("A")), ReplyTable::kSubjectSize);
    EXPECT_EQ(replies.reply_bytes(*stage.accounts.find("B")), 0U);
}

TEST_F(ServicesTest, ACircleOfImportsEnds) {
    SimPeer& responder = user("b", 1);
    responder.ask("SUB circle 1\r\n");
    SimPeer& own = user("a", 1);
    own.ask("SUB circle 2\r\n");
    SimPeer& asks = requestor();
    asks.say("PUB circle 1\r\nx\r\n");
    EXPECT_EQ(count_of(responder.hear(), "HMSG circle 1 "), 1U);
    // As published, and once more from B, as the circle closes there.
    EXPECT_EQ(count_of(own.hear(), "MSG circle 2 "), 2U);
}

TEST_F(ServicesTest, AnAccountMayBeAskedAgainForAnotherService) {
    SimPeer& responder = user("b", 1);
    responder.ask("SUB back 1\r\n");
    requestor().say("PUB to 1\r\nx\r\n");
    EXPECT_EQ(count_of(responder.hear(), "MSG back 1 "), 1U);
}

TEST_F(ServicesTest, AMessageGoesToSoManyAccountsAndNoFurther) {
    SimPeer& responder = user("b", 1);
    responder.ask("SUB > 1\r\n");
    requestor().say(fmt::format("PUB {} 1\r\nx\r\n", fan_pattern(0)));
    EXPECT_EQ(count_of(responder.hear(), "HMSG fan"), Services::kLegsMax - 1);
}

TEST_F(ServicesTest, RequestsAreNoPartOfStreams) {
    SimPeer& responder = user("b", 1);
    responder.ask("SUB one.> 1\r\n");
    SimPeer& here = user("d", 0);
    SimPeer& there = user("d", 1);
    here.ask("SUB one.> 2\r\n");
    there.ask("SUB one.> 2\r\n");
    requestor().say("PUB one.x 1\r\nx\r\n");
    EXPECT_EQ(count_of(responder.hear(), "MSG one.x 1 "), 1U);
    EXPECT_EQ(here.hear() + there.hear(), "");
    responder.say("PUB one.y 1\r\ny\r\n");
    EXPECT_EQ(here.hear(), "MSG one.y 2 1\r\ny\r\n");
    EXPECT_EQ(there.hear(), "MSG one.y 2 1\r\ny\r\n");
}

TEST_F(ServicesTest, NeitherAreAnswersPartOfStreams) {
    SimPeer& responder = user("b", 1);
    responder.ask("SUB one.x 1\r\n");
    SimPeer& asks = user("a", 0);
    asks.ask("SUB inbox.1 7\r\n");
    asks.say("PUB one.x inbox.1 0\r\n\r\n");
    const std::string reply = reply_of(responder.hear());
    // The answer to it comes with a reply subject, too, and is framed anew.
    responder.say(fmt::format("PUB {} one.back 1\r\ny\r\n", reply));
    SimPeer& watches = user("d", 1);
    watches.ask("SUB one.> 2\r\n");
    asks.say(fmt::format("PUB {} 1\r\nz\r\n", reply_of(asks.hear())));
    EXPECT_EQ(watches.hear(), "");
}

TEST_F(ServicesTest, TheRequestorIsDescribedOnlyWhereHeadersPass) {
    SimPeer& responder = user("b", 0);
    responder.ask("SUB told 1\r\nSUB one.x 1\r\n");
    SimPeer& asks = requestor();
    asks.say("PUB told inbox.1 0\r\n\r\n");
    EXPECT_THAT(responder.hear(), HasSubstr("\"user\":\"a\""));
    asks.say("PUB one.x inbox.1 0\r\n\r\n");
    EXPECT_THAT(responder.hear(), Not(HasSubstr("\"user\":")));
    stage.on_worker(0, [](server::WorkerState& state) { state.delivery.set_headers(false); });
    asks.say("PUB told inbox.1 0\r\n\r\n");
    EXPECT_THAT(responder.hear(), StartsWith("MSG told 1 _R_."));
}

TEST_F(ServicesTest, AReplySubjectOfAWorkerThatDoesNotExistIsAnOrdinarySubject) {
    SimPeer& responder = user("b", 1);
    EXPECT_THAT(responder.ask("PUB _R_.zzzzzzzzzzzzzzzz 1\r\nx\r\nPING\r\n"), "PONG\r\n");
}

// --------------------------------------------------------------------------- from other servers

class RoutedServicesTest : public ServicesTest {
  protected:
    // A message that came over a link of that kind, for no queue group. True: somebody took it.
    bool deliver_from(proto::Kind kind, std::string_view account_name, std::string_view subject) {
        bool taken = false;
        stage.on_worker(0, [&](server::WorkerState& state) {
            account::Account& account = *stage.accounts.find(account_name);
            std::string frame;
            const MessageRun run =
                frame_message({.subject = subject, .reply = {}, .headers = {}, .body = "x"}, &frame);
            const Publisher publisher{.link = base::LinkHandle(base::WorkerId{0}, 1000, 1), .kind = kind};
            const interest::MatchEntry& entry = state.delivery.cache.find(account.sublist(), subject);
            const interest::MatchPin pin(entry);
            const ServiceSource source{.publisher = publisher, .account = account, .entry = entry};
            EXPECT_TRUE(state.delivery.services.prepare(source, run, nullptr));
            taken = state.delivery.services.deliver();
        });
        stage.settle();
        return taken;
    }
};

TEST_F(RoutedServicesTest, ARequestIsFollowedWhereItEntersTheClusterOnly) {
    SimPeer& responder = user("b", 0);
    responder.ask("SUB one.x 1\r\n");
    EXPECT_FALSE(deliver_from(proto::Kind::kRoute, "A", "one.x"));
    EXPECT_EQ(responder.hear(), "");
    EXPECT_TRUE(deliver_from(proto::Kind::kLeafnode, "A", "one.x"));
    EXPECT_EQ(count_of(responder.hear(), "MSG one.x 1 "), 1U);
}

TEST_F(RoutedServicesTest, GroupsOfTheExporterAreServedWhateverGroupsTheLineNames) {
    SimPeer& responder = user("b", 0);
    responder.ask("SUB one.x q 1\r\n");
    EXPECT_TRUE(deliver_from(proto::Kind::kLeafnode, "A", "one.x"));
    EXPECT_EQ(count_of(responder.hear(), "MSG one.x 1 "), 1U);
}

TEST_F(RoutedServicesTest, AnAnswerGoesOnToAnyServerAlsoWhereItCameOverARoute) {
    SimPeer& responder = user("b", 1);
    responder.ask("SUB many 1\r\n");
    user("a", 0).say("PUB many far 0\r\n\r\n");
    const std::string reply = reply_of(responder.hear());
    interest::Sublist& sublist = stage.accounts.find("A")->sublist();
    SubscriptionIndex& index = stage.state(0).delivery.subscriptions;
    interest::Subscription* far = index.create({.link = base::LinkHandle(base::WorkerId{0}, 2000, 1),
                                                .subject = "far",
                                                .kind = proto::Kind::kRoute});
    sublist.insert(far);
    EXPECT_TRUE(deliver_from(proto::Kind::kRoute, "B", reply));
    sublist.remove(far);
    index.destroy(far);
}

// ------------------------------------------------------------------------------------- latency

class Measured final : public LatencyEvents {
  public:
    LatencyParty describe(base::WorkerId /*worker*/, const LatencyLink& /*party*/) override { return {}; }
    void on_service_latency(base::WorkerId /*worker*/, ServiceLatency latency) override {
        statuses.push_back(latency.status);
        last = std::move(latency);
    }
    void on_tracked_answer(base::WorkerId /*worker*/, const TrackedAnswer& /*answer*/) override {}
    std::vector<LatencyStatus> statuses;
    ServiceLatency last;
};

class MeasuredServicesTest : public ServicesTest {
  protected:
    MeasuredServicesTest() { stage.state(0).delivery.set_latency_events(&measured); }
    ~MeasuredServicesTest() override { stage.state(0).delivery.set_latency_events(nullptr); }
    std::string ask(SimPeer& asks, SimPeer& responder) {
        asks.say("PUB measured inbox.1 0\r\n\r\n");
        return reply_of(responder.hear());
    }

    Measured measured;
};

TEST_F(MeasuredServicesTest, AnAnswerIsMeasuredOnce) {
    SimPeer& responder = user("b", 1);
    responder.ask("SUB measured 1\r\n");
    SimPeer& asks = requestor();
    const std::string reply = ask(asks, responder);
    stage.pass(20 * kMillisecond_ns);
    responder.say(fmt::format("PUB {0} 1\r\nx\r\nPUB {0} 1\r\nx\r\n", reply));
    EXPECT_EQ(asks.hear(), "MSG inbox.1 7 1\r\nx\r\n");
    stage.pass(5 * kSecond_ns);
    EXPECT_THAT(measured.statuses, ElementsAre(LatencyStatus::kAnswered));
    EXPECT_GE(measured.last.service_ns, 20 * kMillisecond_ns);
    EXPECT_LT(measured.last.service_ns, 40 * kMillisecond_ns);
    EXPECT_EQ(measured.last.subject, "latency");
    EXPECT_EQ(measured.last.responder.worker(), base::WorkerId{1});
}

TEST_F(MeasuredServicesTest, SoIsEachWayInWhichNoAnswerComes) {
    SimPeer& asks = requestor();
    asks.ask("PUB measured inbox.1 0\r\n\r\n");
    EXPECT_THAT(std::exchange(measured.statuses, {}), ElementsAre(LatencyStatus::kNoResponders));
    SimPeer& responder = user("b", 1);
    responder.ask("SUB measured 1\r\n");
    asks.ask("PUB measured 0\r\n\r\n");
    EXPECT_THAT(std::exchange(measured.statuses, {}), ElementsAre(LatencyStatus::kNoReplySubject));
    responder.hear();
    ask(asks, responder);
    stage.pass(1100 * kMillisecond_ns);
    EXPECT_THAT(std::exchange(measured.statuses, {}), ElementsAre(LatencyStatus::kTooLate));
    ask(asks, responder);
    asks.ask("UNSUB 7\r\n");
    stage.pass(300 * kMillisecond_ns);
    EXPECT_THAT(std::exchange(measured.statuses, {}), ElementsAre(LatencyStatus::kRequestorGone));
    EXPECT_EQ(routes(), 0U);
}

TEST_F(MeasuredServicesTest, AReplySubjectThatIsAServiceIsAwaited) {
    SimPeer& responder = user("b", 1);
    responder.ask("SUB measured 1\r\nSUB one.r 2\r\n");
    user("a", 0).say("PUB measured one.r 0\r\n\r\n");
    const std::string reply = reply_of(responder.hear());
    stage.pass(300 * kMillisecond_ns);
    EXPECT_THAT(measured.statuses, IsEmpty());
    responder.say(fmt::format("PUB {} 1\r\nx\r\n", reply));
    EXPECT_THAT(responder.hear(), HasSubstr("MSG one.r 2 "));
    EXPECT_THAT(measured.statuses, ElementsAre(LatencyStatus::kAnswered));
}

TEST_F(MeasuredServicesTest, AnAnswerToARequestorThatHasGoneIsNone) {
    SimPeer& responder = user("b", 0);
    responder.ask("SUB measured 1\r\n");
    SimPeer& asks = requestor();
    const std::string reply = ask(asks, responder);
    asks.ask("UNSUB 7\r\n");
    responder.ask(fmt::format("PUB {} 1\r\nx\r\n", reply));
    EXPECT_THAT(measured.statuses, ElementsAre(LatencyStatus::kRequestorGone));
    EXPECT_EQ(measured.last.responder, base::LinkHandle());
}

TEST_F(MeasuredServicesTest, ARouteThatIsMeasuredStaysUntilItsSampleEnds) {
    account::Account responder{"B", {}};
    account::Account asker{"A", {}};
    Delivery& delivery = stage.state(0).delivery;
    ReplyTable table(base::WorkerId{0});
    const ReplyRoute route{.responder = &responder,
                           .requestor = &asker,
                           .charged = &asker,
                           .reply = "inbox",
                           .threshold_ns = kSecond_ns};
    const auto slot = table.add(route, 0, 1);
    table.set_sample(slot, std::make_unique<LatencySample>(delivery.services, delivery, slot, UINT64_MAX,
                                                           ServiceLatency{}));
    table.add(route, 5 * kSecond_ns, 2);
    EXPECT_EQ(table.size(), 2U);
    table.set_sample(slot, nullptr);
    table.add(route, 5 * kSecond_ns, 2);
    EXPECT_EQ(table.size(), 2U) << "the first has gone";
}

// A responder sees many secrets. The generator of queue picks and jitter would reveal the next ones.
TEST_F(ServicesTest, SecretsAreNoOutputOfTheGeneratorOfPicks) {
    SimPeer& responder = user("b", 0);
    responder.ask("SUB one.* 1\r\n");
    SimPeer& asks = requestor();
    base::Prng guess = stage.state(0).delivery.prng;
    asks.say("PUB one.x inbox.1 2\r\nhi\r\n");
    const std::string reply = reply_of(responder.hear());
    account::Account account{"A", {}};
    for (int i = 0; i < 8; ++i) {
        ReplyTable table(base::WorkerId{0});
        std::string guessed;
        const ReplyRoute route{.responder = &account, .requestor = &account, .charged = &account};
        table.write_subject(table.add(route, 0, guess.next()), &guessed);
        EXPECT_NE(reply, guessed);
    }
}

// ---------------------------------------------------------------------------------------- room

class CrowdedServicesTest : public ServicesTest {
  protected:
    CrowdedServicesTest() : ServicesTest(/*mailbox_bytes=*/8192) {}

    // So many requests or answers to a worker that does not run: their link is paused, and nothing spills.
    void expect_pause(SimPeer& sends, const std::string& text, uint32_t paused, uint32_t sender) {
        stage.pause(paused, true);
        std::string all;
        for (int i = 0; i < 200; ++i) all += text;
        sends.say(all + "PING\r\n");
        stage.settle();
        EXPECT_GE(stage.state(sender).counters().pauses, 1U);
        stage.pause(paused, false);
        EXPECT_THAT(sends.hear(), HasSubstr("PONG\r\n"));
        EXPECT_EQ(stage.state(sender).counters().spilled_records, 0U);
    }
};

TEST_F(CrowdedServicesTest, ARequestWaitsForRoomOnTheWorkerOfTheResponder) {
    SimPeer& responder = user("b", 1);
    responder.ask("SUB one.> 1\r\n");
    SimPeer& asks = requestor();
    expect_pause(asks, "PUB one.x inbox.1 1\r\nx\r\n", /*paused=*/1, /*sender=*/0);
    EXPECT_EQ(count_of(responder.hear(), "HMSG one.x 1 "), 200U);
}

TEST_F(CrowdedServicesTest, AnAnswerWaitsForRoomOnTheWorkerOfTheRequestor) {
    SimPeer& responder = user("b", 1);
    responder.ask("SUB many 1\r\n");
    SimPeer& asks = requestor();
    asks.say("PUB many inbox.1 0\r\n\r\n");
    const std::string reply = reply_of(responder.hear());
    expect_pause(responder, fmt::format("PUB {} 1\r\nx\r\n", reply), /*paused=*/0, /*sender=*/1);
    EXPECT_EQ(count_of(asks.hear(), "MSG inbox.1 7 1\r\nx\r\n"), 200U);
}

TEST_F(ServicesTest, AnAnswerToAReplySubjectThatIsTooLongEndsItsRoute) {
    SimPeer& responder = user("b", 1);
    responder.ask("SUB one.x 1\r\n");
    SimPeer& asks = requestor();
    const std::string inbox(kNamesSizeMax - 5, 'i');
    asks.say(fmt::format("PUB one.x {} 2\r\nhi\r\n", inbox));
    const std::string reply = reply_of(responder.hear());
    EXPECT_EQ(routes(), 1U);
    responder.ask(fmt::format("PUB {} 3\r\nyes\r\n", reply));
    EXPECT_EQ(routes(), 0U);
    EXPECT_EQ(stage.state(0).delivery.counters().oversized, 1U);
}

}  // namespace
}  // namespace nuring::delivery

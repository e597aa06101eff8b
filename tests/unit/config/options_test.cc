// SPDX-License-Identifier: Apache-2.0
#include "core/config/options.h"

#include <gtest/gtest.h>

namespace nuring::config {
namespace {

TEST(OptionsTest, CompleteChangesNothingThatIsDefault) {
    Options options;
    complete(&options);
    EXPECT_EQ(options.http.host, "0.0.0.0");
    EXPECT_EQ(options.http.base_path, "/");
    options.http = HttpOptions{};
    EXPECT_EQ(options, Options{});
}

TEST(OptionsTest, ZeroMeansDefault) {
    Options options;
    options.port = 0;
    options.host = "";
    options.max_payload = 0;
    options.ping_interval = nanoseconds{0};
    options.write_deadline = nanoseconds{0};
    complete(&options);
    EXPECT_EQ(options.port, 4222);
    EXPECT_EQ(options.host, "0.0.0.0");
    EXPECT_EQ(options.max_payload, 1024 * 1024);
    EXPECT_EQ(options.ping_interval, std::chrono::minutes(2));
    EXPECT_EQ(options.write_deadline, seconds(10));
}

TEST(OptionsTest, RandomPortAndUnlimitedStay) {
    Options options;
    options.port = kPortRandom;
    options.max_payload = kUnlimited;
    complete(&options);
    EXPECT_EQ(options.port, kPortRandom);
    EXPECT_EQ(options.max_payload, kUnlimited);
}

TEST(OptionsTest, MonitoringHostFollowsClientHost) {
    Options options;
    options.host = "10.0.0.1";
    complete(&options);
    EXPECT_EQ(options.http.host, "10.0.0.1");
}

TEST(OptionsTest, AuthTimeoutFollowsTlsUnlessGiven) {
    Options options;
    options.tls.emplace();
    options.tls->timeout = seconds(5);
    complete(&options);
    EXPECT_EQ(options.authorization.timeout, seconds(6));

    options.authorization.timeout = seconds(1);
    options.authorization.timeout_given = true;
    complete(&options);
    EXPECT_EQ(options.authorization.timeout, seconds(1));
}

TEST(OptionsTest, OtherListenersHaveAHostOnlyWithAPort) {
    Options options;
    options.gateway.port = 7222;
    options.leafnodes.remotes.emplace_back().urls.push_back(*parse_url("nats://hub"));
    complete(&options);
    EXPECT_EQ(options.cluster.host, "");
    EXPECT_EQ(options.gateway.host, "0.0.0.0");
    EXPECT_EQ(options.leafnodes.remotes[0].urls[0].port, 7422);
}

TEST(OptionsTest, TlsComparesSettingsNotPlaces) {
    TlsOptions a;
    TlsOptions b;
    b.position = {"x.conf", 3, 1};
    EXPECT_EQ(a, b);
    b.verify = true;
    EXPECT_FALSE(a == b);
}

TEST(DiagnosticsTest, PrintsWarningsFirstThenErrorsInFileOrder) {
    Diagnostics diagnostics;
    diagnostics.error({"a.conf", 3, 1}, "unknown field \"x\"");
    diagnostics.warning({"a.conf", 5, 2}, "odd");
    diagnostics.error({"b.conf", 0, 0}, "is empty");
    EXPECT_EQ(diagnostics.to_string(),
              "a.conf:5:2: odd\na.conf:3:1: unknown field \"x\"\nb.conf: is empty\n");
    EXPECT_EQ(diagnostics.error_count(), 2U);
}

TEST(DiagnosticsTest, CountsWhatIsTooMuch) {
    Diagnostics diagnostics;
    for (size_t i = 0; i < Diagnostics::kDiagnosticsMax + 5; ++i) diagnostics.error({}, "x");
    EXPECT_EQ(diagnostics.dropped(), 5U);
    EXPECT_TRUE(diagnostics.to_string().ends_with("... and 5 more\n"));
}

TEST(DiagnosticsTest, ASyntaxErrorThatIsDroppedMarksNoOtherEntry) {
    Diagnostics diagnostics;
    for (size_t i = 0; i < Diagnostics::kDiagnosticsMax; ++i) diagnostics.error({}, "x");
    diagnostics.syntax_error({"a.conf", 3, 1}, "y");
    EXPECT_EQ(diagnostics.dropped(), 1U);
    EXPECT_EQ(diagnostics.error_count(), Diagnostics::kDiagnosticsMax + 1);
    EXPECT_FALSE(diagnostics.entries().back().is_syntax);
}

}  // namespace
}  // namespace nuring::config

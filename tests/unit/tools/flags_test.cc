// SPDX-License-Identifier: Apache-2.0
// The command line by Go's rules, its precedence over the file, and what it answers by itself.
#include "tools/server/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nuring::tools {
namespace {

using config::Diagnostics;
using config::Options;
using testing::HasSubstr;

Flags parse(std::vector<const char*> words) {
    words.insert(words.begin(), "nats-uring");
    return parse_flags(static_cast<int>(words.size()), words.data());
}

Options apply(std::vector<const char*> words, Options options = {}) {
    const Flags flags = parse(std::move(words));
    EXPECT_EQ(flags.action, Action::kRun) << flags.error;
    Diagnostics diagnostics;
    const absl::Status status = apply_flags(flags, &options, &diagnostics);
    EXPECT_TRUE(status.ok()) << status.ToString();
    return options;
}

std::string apply_error(std::vector<const char*> words, Options options = {}) {
    const Flags flags = parse(std::move(words));
    EXPECT_EQ(flags.action, Action::kRun) << flags.error;
    Diagnostics diagnostics;
    return std::string(apply_flags(flags, &options, &diagnostics).message());
}

std::string usage_error(std::vector<const char*> words) {
    const Flags flags = parse(std::move(words));
    EXPECT_EQ(flags.action, Action::kUsageError);
    return flags.error;
}

TEST(FlagsTest, NoWordsStartTheServerWithDefaults) {
    EXPECT_EQ(parse({}).action, Action::kRun);
    EXPECT_EQ(apply({}), Options{});
    EXPECT_EQ(parse_flags(0, nullptr).action, Action::kRun);
}

TEST(FlagsTest, OneAndTwoDashesAndBothValueFormsAreTheSame) {
    EXPECT_EQ(apply({"-p", "5222"}).port, 5222);
    EXPECT_EQ(apply({"--p", "5222"}).port, 5222);
    EXPECT_EQ(apply({"-port=5222"}).port, 5222);
    EXPECT_EQ(apply({"--port=5222"}).port, 5222);
}

TEST(FlagsTest, AliasesShareOneVariableAndTheLastWins) {
    EXPECT_EQ(apply({"-p", "1", "--port", "2"}).port, 2);
    EXPECT_EQ(apply({"-a", "x", "-net", "y", "-addr", "z"}).host, "z");
    EXPECT_EQ(apply({"-n", "x", "-name", "y", "-server_name", "z"}).server_name, "z");
}

TEST(FlagsTest, IntegersAsGoReadsThem) {
    EXPECT_EQ(apply({"-p", "-1"}).port, -1);
    EXPECT_EQ(apply({"-p", "0x10"}).port, 16);
    EXPECT_EQ(apply({"-p", "010"}).port, 8);
    EXPECT_EQ(apply({"-p", "0"}).port, 0);
    EXPECT_EQ(apply({"-p", "0b101"}).port, 5);
    EXPECT_EQ(apply({"-p", "+7"}).port, 7);
    EXPECT_EQ(usage_error({"-p", "abc"}), "invalid value \"abc\" for flag -p: parse error");
    EXPECT_EQ(usage_error({"-p="}), "invalid value \"\" for flag -p: parse error");
    EXPECT_EQ(usage_error({"-p", "08"}), "invalid value \"08\" for flag -p: parse error");
    EXPECT_EQ(usage_error({"-p", "--1"}), "invalid value \"--1\" for flag -p: parse error");
    EXPECT_EQ(usage_error({"-p", "4222x"}), "invalid value \"4222x\" for flag -p: parse error");
    EXPECT_EQ(usage_error({"-p", "99999999999"}),
              "invalid value \"99999999999\" for flag -p: value out of range");
    EXPECT_EQ(usage_error({"-p", "-99999999999"}),
              "invalid value \"-99999999999\" for flag -p: value out of range");
    EXPECT_EQ(apply({"-log_size_limit", "99999999999"}).log.file_size_limit, 99999999999);
}

TEST(FlagsTest, BoolTakesAValueOnlyAfterEqualSign) {
    EXPECT_TRUE(apply({"-D"}).log.debug);
    for (const char* yes : {"-D=1", "-D=t", "-D=T", "-D=TRUE", "-D=true", "-D=True"}) {
        EXPECT_TRUE(apply({yes}).log.debug) << yes;
    }
    Options on;
    on.log.debug = true;
    for (const char* no : {"-D=0", "-D=f", "-D=F", "-D=FALSE", "-D=false", "-D=False"}) {
        EXPECT_FALSE(apply({no}, on).log.debug) << no;
    }
    EXPECT_EQ(usage_error({"-D=maybe"}), "invalid boolean value \"maybe\" for -D: parse error");
    EXPECT_EQ(usage_error({"-D="}), "invalid boolean value \"\" for -D: parse error");
    EXPECT_EQ(usage_error({"-D=optional"}), "invalid boolean value \"optional\" for -D: parse error");
    const Flags word = parse({"-D", "true"});
    EXPECT_EQ(word.action, Action::kError);
    EXPECT_EQ(word.error, "unrecognized command: \"true\"");
}

TEST(FlagsTest, WrongFlagsAreRefusedInGoWords) {
    EXPECT_EQ(usage_error({"-xxx"}), "flag provided but not defined: -xxx");
    EXPECT_EQ(usage_error({"--xxx=1"}), "flag provided but not defined: -xxx");
    EXPECT_EQ(usage_error({"-p"}), "flag needs an argument: -p");
    EXPECT_EQ(usage_error({"---p", "1"}), "bad flag syntax: ---p");
    EXPECT_EQ(usage_error({"-=1"}), "bad flag syntax: -=1");
    EXPECT_EQ(usage_error({"-por", "1"}),
              "flag provided but not defined: -por");                         // no abbreviation
    EXPECT_EQ(usage_error({"-DVs"}), "flag provided but not defined: -DVs");  // no bundling
    EXPECT_EQ(usage_error({"-v", "-nope"}), "flag provided but not defined: -nope");
}

TEST(FlagsTest, DoubleDashAndFirstWordEndTheFlags) {
    EXPECT_EQ(parse({"--"}).action, Action::kRun);
    EXPECT_EQ(parse({"-p", "1", "--", "-x"}).error, "unrecognized command: \"-x\"");
    EXPECT_EQ(parse({"server.conf"}).error,
              "unrecognized command: \"server.conf\" - a configuration file follows -c");
    EXPECT_EQ(parse({"foo", "-x"}).error, "unrecognized command: \"foo\"");
    EXPECT_EQ(parse({"-"}).error, "unrecognized command: \"-\"");
}

TEST(FlagsTest, VersionAndHelpAsFlagsAndWords) {
    for (const char* word : {"-v", "--version", "version", "VERSION"}) {
        EXPECT_EQ(parse({word}).action, Action::kVersion) << word;
    }
    for (const char* word : {"-h", "--help", "help", "Help"}) {
        EXPECT_EQ(parse({word}).action, Action::kHelp) << word;
    }
    EXPECT_EQ(parse({"-help_tls"}).action, Action::kHelpTls);
    EXPECT_EQ(parse({"-h", "-v"}).action, Action::kVersion);
    EXPECT_EQ(parse({"-v=false"}).action, Action::kRun);
}

TEST(FlagsTest, SignalAndTestComeAfterHelp) {
    const Flags signal = parse({"-sl", "reload=123", "-t"});
    EXPECT_EQ(signal.action, Action::kSignal);
    EXPECT_EQ(signal.signal, "reload=123");
    EXPECT_EQ(parse({"--signal=quit"}).signal, "quit");
    const Flags test = parse({"-t", "-c", "x.conf"});
    EXPECT_EQ(test.action, Action::kTestConfig);
    EXPECT_EQ(test.config_file, "x.conf");
    EXPECT_EQ(parse({"-t"}).error,
              "must specify [-c, --config] option to check configuration file syntax");
    EXPECT_EQ(parse({"-t", "-v"}).action, Action::kVersion);
}

TEST(FlagsTest, FlagsWinOverTheFile) {
    Options file;
    file.port = 4333;
    file.host = "10.0.0.1";
    file.log.trace = true;
    file.log.logtime = false;
    const Options options = apply({"-p", "5222", "-V=false", "-T"}, file);
    EXPECT_EQ(options.port, 5222);
    EXPECT_EQ(options.host, "10.0.0.1");
    EXPECT_FALSE(options.log.trace);
    EXPECT_TRUE(options.log.logtime);
}

TEST(FlagsTest, DebugAndTraceShorthands) {
    const Options both = apply({"-DV"});
    EXPECT_TRUE(both.log.debug && both.log.trace && !both.log.trace_verbose);
    const Options verbose = apply({"-VV"});
    EXPECT_TRUE(!verbose.log.debug && verbose.log.trace && verbose.log.trace_verbose);
    const Options all = apply({"-DVV"});
    EXPECT_TRUE(all.log.debug && all.log.trace && all.log.trace_verbose);
    const Options off = apply({"-DV=false"}, both);
    EXPECT_FALSE(off.log.debug || off.log.trace);
}

TEST(FlagsTest, EveryOtherFlagReachesItsOption) {
    const Options options = apply({"-client_advertise",
                                   "h:1",
                                   "-P",
                                   "pid",
                                   "-ports_file_dir",
                                   "d",
                                   "-m",
                                   "8222",
                                   "-ms",
                                   "8443",
                                   "-l",
                                   "log",
                                   "-logtime_utc",
                                   "-s",
                                   "-r",
                                   "udp://h:514",
                                   "-max_traced_msg_len",
                                   "9",
                                   "-user",
                                   "u",
                                   "-pass",
                                   "p",
                                   "-auth",
                                   "t",
                                   "-profile",
                                   "6060",
                                   "-workers",
                                   "4",
                                   "-busy_poll",
                                   "50us",
                                   "-io",
                                   "epoll"});
    EXPECT_EQ(options.client_advertise, "h:1");
    EXPECT_EQ(options.pid_file, "pid");
    EXPECT_EQ(options.ports_file_dir, "d");
    EXPECT_EQ(options.http.port, 8222);
    EXPECT_EQ(options.http.https_port, 8443);
    EXPECT_EQ(options.log.file, "log");
    EXPECT_TRUE(options.log.logtime_utc);
    EXPECT_TRUE(options.log.syslog);
    EXPECT_EQ(options.log.remote_syslog, "udp://h:514");
    EXPECT_EQ(options.log.max_traced_msg_len, 9);
    EXPECT_EQ(options.authorization.user, "u");
    EXPECT_EQ(options.authorization.password, "p");
    EXPECT_EQ(options.authorization.token, "t");
    EXPECT_EQ(options.prof_port, 6060);
    EXPECT_EQ(options.uring.workers, 4);
    EXPECT_EQ(options.uring.busy_poll, std::chrono::microseconds(50));
    EXPECT_EQ(options.uring.io, config::IoKind::kEpoll);
}

TEST(FlagsTest, OwnFlagsCheckTheirValues) {
    EXPECT_EQ(usage_error({"-io", "kqueue"}),
              "invalid value \"kqueue\" for flag -io: must be auto, uring or epoll");
    EXPECT_EQ(usage_error({"-busy_poll", "50"}),
              "invalid value \"50\" for flag -busy_poll: parse error");
}

TEST(FlagsTest, TlsFlagsReplaceTheBlockOfTheFile) {
    Options file;
    file.tls.emplace();
    file.tls->cert_file = "old";
    file.tls->verify = true;
    file.tls->timeout = std::chrono::seconds(7);
    const Options options =
        apply({"--tls", "--tlscert=c.pem", "--tlskey=k.pem", "--tlscacert=ca.pem"}, file);
    ASSERT_TRUE(options.tls.has_value());
    EXPECT_EQ(options.tls->cert_file, "c.pem");
    EXPECT_EQ(options.tls->key_file, "k.pem");
    EXPECT_EQ(options.tls->ca_file, "ca.pem");
    EXPECT_FALSE(options.tls->verify);
    EXPECT_EQ(options.tls->timeout, std::chrono::seconds(7));
    EXPECT_TRUE(apply({"-tlsverify", "-tlscert", "c", "-tlskey", "k"}).tls->verify);
}

TEST(FlagsTest, TlsOffRemovesTheBlockOfTheFile) {
    Options file;
    file.tls.emplace();
    EXPECT_FALSE(apply({"-tls=false"}, file).tls.has_value());
    EXPECT_FALSE(apply({"-tlscert", "c", "-tls=false"}, file).tls.has_value());
}

TEST(FlagsTest, TlsNeedsCertificateAndKey) {
    EXPECT_EQ(apply_error({"-tls"}), "TLS Server certificate must be present and valid");
    EXPECT_EQ(apply_error({"-tlscert", "c"}), "TLS Server private key must be present and valid");
}

TEST(FlagsTest, ClusterUrlReplacesListenerAndUser) {
    Options file;
    file.cluster.authorization.user = "old";
    file.cluster.authorization.password = "old";
    const Options options = apply({"-cluster", "nats://u:p@127.0.0.1:-1"}, file);
    EXPECT_EQ(options.cluster.host, "127.0.0.1");
    EXPECT_EQ(options.cluster.port, -1);
    EXPECT_EQ(options.cluster.authorization.user, "u");
    EXPECT_EQ(options.cluster.authorization.password, "p");
    EXPECT_EQ(apply({"--cluster_listen=nats://h:1"}, file).cluster.authorization.user, "");
    file.cluster.port = 4248;
    EXPECT_EQ(apply({"-cluster", ""}, file).cluster.port, 0);
}

TEST(FlagsTest, ClusterUrlErrors) {
    EXPECT_EQ(apply_error({"-cluster", "nats://h"}), "address h: missing port in address");
    EXPECT_EQ(apply_error({"-cluster", "nats://u@h:1"}), "expected cluster password to be set");
    EXPECT_THAT(apply_error({"-cluster", "nats://h:x"}), HasSubstr("invalid port"));
}

TEST(FlagsTest, RoutesAreACommaList) {
    const Options options =
        apply({"-cluster", "nats://h:1", "-routes", "nats://a:1, nats-route://b:2 ,"});
    ASSERT_EQ(options.cluster.routes.size(), 2U);
    EXPECT_EQ(options.cluster.routes[1].host_port(), "b:2");
    Options file = options;
    EXPECT_TRUE(apply({"-routes", ""}, file).cluster.routes.empty());
    EXPECT_EQ(apply_error({"-routes", "nats://a:1"}),
              "solicited routes require cluster capabilities, e.g. --cluster");
    EXPECT_EQ(apply_error({"-cluster", "nats://h:1", "-routes", "nats://a:x"}),
              "error parsing route url [\"nats://a:x\"]");
}

TEST(FlagsTest, InactivePartsAreNotedOnce) {
    Diagnostics diagnostics;
    Options options;
    const Flags flags = parse({"-js", "-sd", "/x", "-jetstream"});
    ASSERT_TRUE(apply_flags(flags, &options, &diagnostics).ok());
    EXPECT_EQ(diagnostics.to_string(),
              "command line: \"jetstream\" is accepted, but not active in this version\n");
}

TEST(FlagsTest, AnswersByItself) {
    constexpr Versions kVersions{.own = "1.2.3", .commit = "5abc", .compatible = "2.10.0"};
    EXPECT_EQ(immediate_answer(parse({"-v"}), kVersions)->out, "nats-uring: v1.2.3+5abc\n");
    EXPECT_EQ(full_version({.own = "1.2.3", .commit = "v1.2.3-5-gabc", .compatible = ""}), "v1.2.3-5-gabc");
    const auto help = immediate_answer(parse({"-h"}), kVersions);
    EXPECT_TRUE(help->out.starts_with("\nUsage: nats-uring [options]\n"));
    EXPECT_TRUE(help->out.ends_with("\n\n"));
    EXPECT_EQ(help->exit_code, 0);
    const auto tls = immediate_answer(parse({"-help_tls"}), kVersions);
    EXPECT_THAT(tls->out, HasSubstr("    TLS_RSA_WITH_AES_128_CBC_SHA\n"));
    EXPECT_THAT(tls->out, HasSubstr("\nAvailable curve preferences include:\n    X25519\n"));
    const auto unknown = immediate_answer(parse({"-xyz"}), kVersions);
    EXPECT_EQ(unknown->error, "flag provided but not defined: -xyz\n");
    EXPECT_EQ(unknown->out, usage_text("nats-uring"));
    EXPECT_EQ(unknown->exit_code, 1);
    const auto word = immediate_answer(parse({"start"}), kVersions);
    EXPECT_EQ(word->error, "nats-uring: unrecognized command: \"start\"\n");
    EXPECT_EQ(word->exit_code, 1);
    EXPECT_FALSE(immediate_answer(parse({}), kVersions).has_value());
}

// What starts a nats-server that it finds in the path must not notice.
TEST(FlagsTest, CalledNatsServerItIsOne) {
    constexpr Versions kVersions{.own = "1.2.3", .commit = "v1-5-gabc", .compatible = "2.10.0"};
    const char* const version[] = {"/usr/bin/nats-server", "-v"};
    EXPECT_EQ(immediate_answer(parse_flags(2, version), kVersions)->out, "nats-server: v2.10.0\n");
    const char* const help[] = {"nats-server", "-h"};
    const std::string text = immediate_answer(parse_flags(2, help), kVersions)->out;
    EXPECT_TRUE(text.starts_with("\nUsage: nats-server [options]\n"));
    EXPECT_EQ(text.find("nats-uring"), std::string::npos);
    const char* const word[] = {"nats-server", "start"};
    EXPECT_EQ(immediate_answer(parse_flags(2, word), kVersions)->error,
              "nats-server: unrecognized command: \"start\"\n");
    const char* const other[] = {"/opt/my-server", "-v"};
    EXPECT_EQ(parse_flags(2, other).program, "nats-uring");
}

config::Sources file_of(std::string text) {
    return {[text](const std::string&) -> absl::StatusOr<std::string> { return text; },
            [](const std::string&) -> std::optional<std::string> { return std::nullopt; }};
}

TEST(BuildOptionsTest, DefaultsThenFileThenFlagsThenDefaultsOfZero) {
    const Flags flags = parse({"-c", "a.conf", "-p", "0", "-D=false"});
    Options options;
    Diagnostics diagnostics;
    ASSERT_TRUE(build_options(flags, file_of("port: 5222, debug: true, trace: true, host: h"),
                              &options, &diagnostics));
    EXPECT_EQ(options.port, 4222);
    EXPECT_EQ(options.host, "h");
    EXPECT_EQ(options.http.host, "h");
    EXPECT_FALSE(options.log.debug);
    EXPECT_TRUE(options.log.trace);
    EXPECT_EQ(options.config_file, "a.conf");
}

// The reference forgets its flags when a file only warns.
TEST(BuildOptionsTest, FlagsStayAboveAFileThatWarns) {
    Options options;
    Diagnostics diagnostics;
    ASSERT_TRUE(build_options(parse({"-c", "a.conf", "-p", "1"}),
                              file_of("port: 2, write_deadline: 3"), &options, &diagnostics));
    EXPECT_EQ(options.port, 1);
    EXPECT_TRUE(diagnostics.has_warnings());
}

TEST(BuildOptionsTest, EveryStageCanRefuse) {
    Options options;
    const auto refuse = [&](std::vector<const char*> words, const char* text) {
        Diagnostics diagnostics;
        EXPECT_FALSE(build_options(parse(std::move(words)), file_of(text), &options, &diagnostics));
        return report(parse({}), diagnostics);
    };
    EXPECT_EQ(refuse({"-c", "a.conf"}, "prot: 1"),
              "nats-uring: a.conf:1:0: unknown field \"prot\" (did you mean \"port\"?)\n");
    EXPECT_EQ(refuse({"-c", "a.conf"}, "jetstream: true\nprot: 1\ndebag: 1"),
              "a.conf:1:0: \"jetstream\" is accepted, but not active in this version\n"
              "nats-uring: a.conf:2:1: unknown field \"prot\" (did you mean \"port\"?)\n"
              "a.conf:3:1: unknown field \"debag\" (did you mean \"debug\"?)\n");
    // Tools look for these first words.
    EXPECT_EQ(refuse({"-c", "a.conf"}, "debug: true\nport = 42 x"),
              "nats-uring: Parse error on line 2: 'Expected a top-level value to end with a new line, comment "
              "or EOF, but got 'x' instead.' (a.conf:2:11)\n");
    EXPECT_EQ(refuse({"-tls"}, ""),
              "nats-uring: TLS Server certificate must be present and valid\n");
    EXPECT_THAT(
        refuse({"-ms", "8443"}, ""),
        HasSubstr("nats-uring: Can't start monitoring: TLS cert and key required for HTTPS\n"));
}

TEST(BuildOptionsTest, CheckFailsOnErrorsAndWarningsButNotOnNotices) {
    const Flags flags = parse({"-t", "-c", "a.conf"});
    const auto check = [&](const char* text) {
        Options options;
        Diagnostics diagnostics;
        build_options(flags, file_of(text), &options, &diagnostics);
        return check_answer(flags, options, diagnostics);
    };
    EXPECT_EQ(check("debug: true").error, "nats-uring: configuration file a.conf is valid\n");
    EXPECT_EQ(check("max_pending: 5mb, port: 1, max_payload: 5, uring {workers: 1}").error,
              "nats-uring: configuration file a.conf is valid "
              "(to change port, max_pending, uring.workers takes a restart)\n");
    EXPECT_EQ(check("port: 1").exit_code, 0);
    EXPECT_EQ(check("mqtt {}").exit_code, 0);
    EXPECT_EQ(check("write_deadline: 2").exit_code, 1);
    EXPECT_EQ(check("port: x").exit_code, 1);
    EXPECT_THAT(check("port: x").error, HasSubstr("a.conf:1:0: interface conversion"));
}

// Every flag that the help names is one that we take.
TEST(FlagsTest, HelpNamesOnlyKnownFlags) {
    const std::string text = usage_text("nats-uring");
    size_t count = 0;
    for (size_t line = 0; line < text.size(); line = text.find('\n', line) + 1) {
        const std::string_view rest = std::string_view(text).substr(line, 37);
        if (!rest.starts_with("    ") || rest.find('-') == std::string_view::npos) continue;
        for (size_t i = rest.find('-'); i < rest.size(); i = rest.find('-', i)) {
            size_t end = i;
            while (end < rest.size() && rest[end] == '-') ++end;
            const size_t start = end;
            while (end < rest.size() && (isalnum(rest[end]) != 0 || rest[end] == '_')) ++end;
            if (i > 0 && rest[i - 1] != ' ' && rest[i - 1] != ',') {
                i = end;
                continue;
            }
            const std::string flag = "-" + std::string(rest.substr(start, end - start)) + "=1";
            if (flag != "-io=1") {
                EXPECT_THAT(parse({flag.c_str()}).error, testing::Not(HasSubstr("not defined")))
                    << flag;
            }
            ++count;
            i = end;
        }
    }
    EXPECT_GT(count, 50U);
}

// The command lines that the README files of five versions print.
TEST(FlagsTest, ReadmeCommandLinesParse) {
    EXPECT_TRUE(apply({"-D", "-V"}).log.trace);
    const Options seed = apply({"-p", "4222", "-cluster", "nats://localhost:4248", "-D"});
    EXPECT_EQ(seed.cluster.port, 4248);
    const Options second = apply({"-p", "5222", "-cluster", "nats://localhost:5248", "-routes",
                                  "nats://localhost:4248", "-D"});
    EXPECT_EQ(second.cluster.routes.at(0).host_port(), "localhost:4248");
    const Options long_form =
        apply({"--cluster", "nats://node1:4248", "--routes", "nats://seed:4248"});
    EXPECT_EQ(long_form.cluster.host, "node1");
    EXPECT_EQ(parse({"-config", "./seed.conf", "-D"}).config_file, "./seed.conf");
    EXPECT_EQ(apply({"-DV", "--user", "foo", "--pass", "bar"}).authorization.password, "bar");
    EXPECT_EQ(apply({"-DV", "-auth", "S3Cr3T0k3n!"}).authorization.token, "S3Cr3T0k3n!");
    EXPECT_EQ(apply({"--tls", "--tlscert=./test/configs/certs/server-cert.pem",
                     "--tlskey=./test/configs/certs/server-key.pem"})
                  .tls->key_file,
              "./test/configs/certs/server-key.pem");
    EXPECT_TRUE(apply({"--tlsverify", "--tlscert=./test/configs/certs/server-cert.pem",
                       "--tlskey=./test/configs/certs/server-key.pem",
                       "--tlscacert=./test/configs/certs/ca.pem"})
                    .tls->verify);
    EXPECT_EQ(apply({"-m", "8222"}).http.port, 8222);
    EXPECT_EQ(parse({"-sl", "reload"}).signal, "reload");
    EXPECT_EQ(parse({"-sl", "stop=/path/to/pidfile"}).signal, "stop=/path/to/pidfile");
}

}  // namespace
}  // namespace nuring::tools

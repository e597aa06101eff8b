// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/read_support.h"

namespace nuring::config {
namespace {

using std::chrono::minutes;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(ReadServerTest, EmptyTextKeepsDefaults) {
    EXPECT_EQ(options_of("# nothing\n"), Options{});
}

TEST(ReadServerTest, ListenTakesHostAndPortInEveryForm) {
    EXPECT_EQ(options_of("listen: localhost:4242").host, "localhost");
    EXPECT_EQ(options_of("listen: localhost:4242").port, 4242);
    EXPECT_EQ(options_of("listen: :5222").host, "");
    EXPECT_EQ(options_of("listen: 5222").port, 5222);
    EXPECT_EQ(options_of("listen: 5222").host, "");
    EXPECT_EQ(options_of("listen: \"[::1]:4222\"").host, "::1");
    EXPECT_EQ(options_of("listen: 127.0.0.1:-1").port, kPortRandom);
    EXPECT_EQ(options_of("listen: -1").port, kPortRandom);
}

TEST(ReadServerTest, ListenErrors) {
    EXPECT_EQ(messages_of("listen: foo"), "1:0: could not parse address string \"foo\"");
    EXPECT_EQ(messages_of("listen: ::1:4222"), "1:0: could not parse address string \"::1:4222\"");
    EXPECT_EQ(messages_of("listen: a:b"), "1:0: could not parse port \"b\"");
    EXPECT_EQ(messages_of("listen: 'a:'"), "1:0: could not parse port \"\"");
    EXPECT_EQ(messages_of("listen: a:70000"), "1:0: could not parse port \"70000\"");
    EXPECT_EQ(messages_of("listen: true"), "1:0: expected port or host:port, got bool");
    EXPECT_EQ(messages_of("port: 70000"), "1:0: port 70000 is out of range, expected -1 to 65535");
}

TEST(ReadServerTest, KeysInAnyCaseAndWithAliases) {
    const Options options = options_of(
        "PORT: 1\nNet: h\nMax_Conn: 5\nMAX_SUBS: 6\nLogFile: l\n"
        "pidfile: p\nmonitor_port: 7");
    EXPECT_EQ(options.port, 1);
    EXPECT_EQ(options.host, "h");
    EXPECT_EQ(options.max_connections, 5);
    EXPECT_EQ(options.max_subscriptions, 6);
    EXPECT_EQ(options.log.file, "l");
    EXPECT_EQ(options.pid_file, "p");
    EXPECT_EQ(options.http.port, 7);
}

TEST(ReadServerTest, TheLaterOfTwoSpellingsWins) {
    EXPECT_EQ(options_of("port: 1\nPORT: 2").port, 2);
    EXPECT_EQ(options_of("listen: a:1\nport: 2\nhost: b").host, "b");
    EXPECT_EQ(options_of("port: 2\nlisten: a:1").port, 1);
}

TEST(ReadServerTest, EveryPlainOption) {
    const Options o = options_of(R"(
        server_name: n, client_advertise: "h:1", server_tags: [a, " B:c", A, ""]
        debug: true, trace: yes, logtime: off, logtime_utc: on
        log_file: f, log_size_limit: 1kb, logfile_max_num: 3, syslog: true
        remote_syslog: "udp://h:514", max_traced_msg_len: 10, trace_headers: true, log_format: json
        pid_file: p, ports_file_dir: d
        http_port: 8222, https_port: 8443, http_base_path: /x
        max_control_line: 512, max_payload: 65536, max_pending: 2mb
        max_connections: 100, max_subscriptions: 1000, max_sub_tokens: 16, max_closed_clients: 9
        ping_max: 3, connect_error_reports: 4, reconnect_error_reports: 5
        no_header_support: true, disable_sublist_cache: true, allow_non_tls: true
        no_fast_producer_stall: true, no_auth_user: u, system_account: S
    )");
    EXPECT_EQ(o.server_name, "n");
    EXPECT_EQ(o.client_advertise, "h:1");
    EXPECT_THAT(o.server_tags, ElementsAre("a", "b:c"));
    EXPECT_TRUE(o.log.debug && o.log.trace && !o.log.logtime && o.log.logtime_utc && o.log.syslog);
    EXPECT_EQ(o.log.file, "f");
    EXPECT_EQ(o.log.file_size_limit, 1024);
    EXPECT_EQ(o.log.file_max_num, 3);
    EXPECT_EQ(o.log.remote_syslog, "udp://h:514");
    EXPECT_EQ(o.log.max_traced_msg_len, 10);
    EXPECT_TRUE(o.log.trace_headers);
    EXPECT_EQ(o.log.format, LogFormat::kJson);
    EXPECT_EQ(o.pid_file, "p");
    EXPECT_EQ(o.ports_file_dir, "d");
    EXPECT_EQ(o.http.port, 8222);
    EXPECT_EQ(o.http.https_port, 8443);
    EXPECT_EQ(o.http.base_path, "/x");
    EXPECT_EQ(o.max_control_line, 512);
    EXPECT_EQ(o.max_payload, 65536);
    EXPECT_EQ(o.max_pending, 2 << 20);
    EXPECT_EQ(o.max_connections, 100);
    EXPECT_EQ(o.max_subscriptions, 1000);
    EXPECT_EQ(o.max_sub_tokens, 16);
    EXPECT_EQ(o.max_closed_clients, 9);
    EXPECT_EQ(o.ping_max, 3);
    EXPECT_EQ(o.connect_error_reports, 4);
    EXPECT_EQ(o.reconnect_error_reports, 5);
    EXPECT_TRUE(o.no_header_support && o.disable_sublist_cache && o.allow_non_tls);
    EXPECT_TRUE(o.no_fast_producer_stall);
    EXPECT_EQ(o.no_auth_user, "u");
    EXPECT_EQ(o.system_account, "S");
}

TEST(ReadServerTest, HttpTakesHostAndPort) {
    const Options options = options_of("http: localhost:8222");
    EXPECT_EQ(options.http.host, "localhost");
    EXPECT_EQ(options.http.port, 8222);
    EXPECT_EQ(options_of("https: :8443").http.https_port, 8443);
    EXPECT_EQ(messages_of("http_port: 0"), "");
    EXPECT_EQ(messages_of("http: x"), "1:0: could not parse address string \"x\"");
}

TEST(ReadServerTest, WrongTypesReadAsGoSaysThem) {
    EXPECT_EQ(messages_of("port: abc"),
              "1:0: interface conversion: interface {} is string, not int64");
    EXPECT_EQ(messages_of("host: 5"),
              "1:0: interface conversion: interface {} is int64, not string");
    EXPECT_EQ(messages_of("debug: 1.5"),
              "1:0: interface conversion: interface {} is float64, not bool");
    EXPECT_EQ(messages_of("max_payload: [1]"),
              "1:0: interface conversion: interface {} is []interface {}, not int64");
    EXPECT_EQ(messages_of("authorization: x"),
              "1:0: interface conversion: interface {} is string, not map[string]interface {}");
    EXPECT_EQ(messages_of("pid_file: {}"),
              "1:0: interface conversion: interface {} is map[string]interface {}, not string");
}

TEST(ReadServerTest, UnknownKeysAreRefusedWithWhatWasMeant) {
    EXPECT_EQ(messages_of("a = 1"),
              "1:0: unknown field \"a\" (not known up to nats-server 2.15: remove it)");
    EXPECT_EQ(messages_of("\n\nprot: 4222"),
              "3:1: unknown field \"prot\" (did you mean \"port\"?)");
    EXPECT_EQ(messages_of("Max_Payloud: 1"),
              "1:0: unknown field \"Max_Payloud\" (did you mean \"max_payload\"?)");
    EXPECT_EQ(messages_of("authorisation {}"),
              "1:0: unknown field \"authorisation\" (did you mean \"authorization\"?)");
    EXPECT_EQ(messages_of("completely_different: 1"),
              "1:0: unknown field \"completely_different\" (not known up to nats-server 2.15: remove it)");
}

TEST(ReadServerTest, UsedVariablesMayHaveAnyName) {
    EXPECT_EQ(messages_of("P: 5222\nport: $P"), "");
    EXPECT_EQ(messages_of("P: 5222"),
              "1:0: unknown field \"P\" (not known up to nats-server 2.15: remove it)");
}

TEST(ReadServerTest, AllErrorsShowAtOnceWarningsFirst) {
    EXPECT_EQ(
        messages_of("port: x\nfoo: 1\nwrite_deadline: 2\nlisten: y"),
        "3:1: invalid use of field \"write_deadline\": write_deadline should be converted to a "
        "duration\n"
        "1:0: interface conversion: interface {} is string, not int64\n"
        "2:1: unknown field \"foo\" (not known up to nats-server 2.15: remove it)\n"
        "4:1: could not parse address string \"y\"");
}

TEST(ReadServerTest, AFieldBeforeABraceNeedsABlank) {
    EXPECT_EQ(messages_of("\nauthorization{users=[{user:a,password:b}]}"),
              "2:1: unknown field \"authorization{\": a blank is missing before the brace");
}

TEST(ReadServerTest, LimitsHaveTo32Bits) {
    EXPECT_EQ(messages_of("max_payload: 3g"), "1:0: max_payload value is too big");
    EXPECT_EQ(messages_of("max_control_line: 2147483648"),
              "1:0: max_control_line value is too big");
    EXPECT_EQ(options_of("max_control_line: 2147483647").max_control_line, 2147483647);
    EXPECT_EQ(options_of("max_payload: -1").max_payload, kUnlimited);
    EXPECT_EQ(messages_of("max_payload: -5"),
              "1:0: max_payload value -5 is out of range, -1 means unlimited");
    EXPECT_EQ(messages_of("max_subs: -5"), "1:0: max_subs value -5 is out of range, -1 means unlimited");
    EXPECT_EQ(options_of("max_subscriptions: -1").max_subscriptions, kUnlimited);
    EXPECT_EQ(messages_of("max_sub_tokens: 256"), "1:0: max_sub_tokens value is too big");
    EXPECT_EQ(messages_of("max_sub_tokens: -1"), "1:0: max_sub_tokens value can not be negative");
}

TEST(ReadServerTest, WriteDeadlineIsADurationOrWarnedSeconds) {
    EXPECT_EQ(options_of("write_deadline: \"3s\"").write_deadline, seconds(3));
    EXPECT_EQ(options_of("write_deadline: 5s").write_deadline, seconds(5));
    const ReadResult number = read("write_deadline: 5");
    EXPECT_TRUE(number.good);
    EXPECT_EQ(number.options.write_deadline, seconds(5));
    EXPECT_EQ(number.messages,
              "a.conf:1:0: invalid use of field \"write_deadline\": write_deadline should be "
              "converted to a duration\n");
    EXPECT_EQ(messages_of("write_deadline: abc"),
              "1:0: error parsing write_deadline: time: invalid duration \"abc\"");
    EXPECT_EQ(messages_of("write_deadline: true"),
              "1:0: interface conversion: interface {} is bool, not int64");
    EXPECT_EQ(messages_of("write_deadline: 99999999999"), "1:0: write_deadline value is too big");
}

// `2m` without quotes is the integer 2000000 of the language; who writes it means two minutes.
TEST(ReadServerTest, UnquotedMinutesAreMinutes) {
    EXPECT_EQ(options_of("write_deadline: 2m").write_deadline, minutes(2));
    EXPECT_EQ(options_of("ping_interval: 2m").ping_interval, minutes(2));
    EXPECT_EQ(options_of("lame_duck_duration: 2m").lame_duck_duration, minutes(2));
    EXPECT_EQ(options_of("lame_duck_duration: 1m30s").lame_duck_duration, seconds(90));
    EXPECT_EQ(options_of("lame_duck_duration: 1.5h").lame_duck_duration, minutes(90));
}

TEST(ReadServerTest, PingIntervalTakesSecondsOrDuration) {
    EXPECT_EQ(options_of("ping_interval: 30").ping_interval, seconds(30));
    EXPECT_EQ(messages_of("ping_interval: 30"),
              "1:0: invalid use of field \"ping_interval\": ping_interval should be converted to a duration");
    EXPECT_EQ(options_of("ping_interval: \"30s\"").ping_interval, seconds(30));
}

TEST(ReadServerTest, LameDuckTimes) {
    EXPECT_EQ(options_of("lame_duck_duration: 30s").lame_duck_duration, seconds(30));
    EXPECT_EQ(messages_of("lame_duck_duration: 29s"),
              "1:0: invalid lame_duck_duration of 29s, minimum is 30 seconds");
    EXPECT_EQ(messages_of("lame_duck_duration: abc"),
              "1:0: error parsing lame_duck_duration: time: invalid duration \"abc\"");
    EXPECT_EQ(messages_of("lame_duck_duration: 60"),
              "1:0: interface conversion: interface {} is int64, not string");
    EXPECT_EQ(options_of("lame_duck_grace_period: 5s").lame_duck_grace_period, seconds(5));
    EXPECT_EQ(messages_of("lame_duck_grace_period: '-1s'"),
              "1:0: invalid lame_duck_grace_period, needs to be positive");
}

TEST(ReadServerTest, TraceVerboseSwitchesTraceOn) {
    const Options options = options_of("trace_verbose: true");
    EXPECT_TRUE(options.log.trace && options.log.trace_verbose);
}

TEST(ReadServerTest, LogFormat) {
    EXPECT_EQ(options_of("log_format: TEXT").log.format, LogFormat::kText);
    EXPECT_EQ(messages_of("log_format: xml"),
              "1:0: log_format \"xml\" is unknown, expected text or json");
}

TEST(ReadServerTest, UringBlock) {
    const Options o = options_of(R"(uring {
        workers: 4, pin: false, busy_poll: 50us, io: epoll
        receive_buffer_size: 16k, receive_buffer_count: 64, send_buffer_size: 128kb
        zero_copy_threshold: 4096, cache_entries: 1000 })");
    EXPECT_EQ(o.uring.workers, 4);
    EXPECT_EQ(o.uring.pin, Pinning::kNever);
    EXPECT_EQ(options_of("uring { pin: Auto }").uring.pin, Pinning::kAuto);
    EXPECT_EQ(options_of("uring { pin: true }").uring.pin, Pinning::kAlways);
    EXPECT_EQ(options_of("uring { workers: 1 }").uring.pin, Pinning::kAuto);
    EXPECT_FALSE(o.uring.locality);
    EXPECT_TRUE(options_of("uring { locality: true }").uring.locality);
    EXPECT_EQ(o.uring.busy_poll, std::chrono::microseconds(50));
    EXPECT_EQ(o.uring.io, IoKind::kEpoll);
    EXPECT_EQ(o.uring.receive_buffer_size, 16000);
    EXPECT_EQ(o.uring.receive_buffer_count, 64);
    EXPECT_EQ(o.uring.send_buffer_size, 128 * 1024);
    EXPECT_EQ(o.uring.zero_copy_threshold, 4096);
    EXPECT_EQ(o.uring.cache_entries, 1000);
    EXPECT_EQ(messages_of("uring { io: kqueue }"),
              "1:8: io \"kqueue\" is unknown, expected auto, uring or epoll");
    EXPECT_EQ(messages_of("uring { worker: 1 }"),
              "1:8: unknown field \"worker\" (did you mean \"workers\"?)");
}

TEST(ReadServerTest, InactivePartsGiveOneNoticeAndNoError) {
    const ReadResult result = read("jetstream: true\nstore_dir: x\nmqtt {}");
    EXPECT_TRUE(result.good);
    EXPECT_EQ(result.messages,
              "a.conf:1:0: \"jetstream\" is accepted, but not active in this version\n"
              "a.conf:3:1: \"mqtt\" is accepted, but not active in this version\n");
    EXPECT_EQ(messages_of("jetstream: false\nprof_port: 0"), "");
    EXPECT_EQ(messages_of("jetstream: disabled"), "");
    EXPECT_THAT(messages_of("prof_port: 6060"), HasSubstr("prof_port"));
}

TEST(ReadServerTest, EveryKeyOfNewerServersIsKnown) {
    for (const char* text : {"server_metadata { a: b }", "feature_flags { a: true }", "ocsp_cache: true"}) {
        const ReadResult result = read(text);
        EXPECT_TRUE(result.good) << result.messages;
        EXPECT_THAT(result.messages, HasSubstr("not active")) << text;
    }
}

TEST(ReadServerTest, LoadFileReportsWhatItCannotOpen) {
    Options options;
    Diagnostics diagnostics;
    EXPECT_FALSE(load_file("/no/such.conf", system_sources(), &options, &diagnostics));
    EXPECT_EQ(diagnostics.to_string(), "open /no/such.conf: no such file or directory\n");
    EXPECT_EQ(options.config_file, "/no/such.conf");
}

}  // namespace
}  // namespace nuring::config

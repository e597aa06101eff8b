#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the server writes to its log: line format, start lines, connection and trace lines."""

import os
import re

from support import case
from support.case import ServerCase

LINE = r"^\[%d\] \d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{6} \[(INF|DBG|WRN|ERR|FTL|TRC)\] "
PEER = r"127\.0\.0\.1:\d+ - cid:\d+ - "


class LoggingTest(ServerCase):
    def test_every_line_has_pid_time_and_level(self):
        server = self.start("-DV")
        self.client(server)
        server.stop()
        lines = server.log.lines()
        self.assertTrue(any("[TRC]" in line for line in lines), lines)
        for line in lines:
            self.assertRegex(line, LINE % server.pid)

    def test_without_logtime(self):
        server = self.start("-T=false")
        server.stop()
        lines = server.log.lines()
        self.assertTrue(any("Server is ready" in line for line in lines), lines)
        for line in lines:
            self.assertRegex(line, r"^\[%d\] \[INF\] " % server.pid)

    def test_start_lines(self):
        server = self.start()
        lines = server.log.lines()
        self.assertRegex(lines[0], r"\[INF\] Starting nats-")
        order = [
            index
            for text in ("Listening for client connections on 127.0.0.1:", "Server is ready")
            for index, line in enumerate(lines)
            if text in line
        ]
        self.assertEqual(len(order), 2)
        self.assertEqual(order, sorted(order))

    @case.differs("2.9.10", "it has no line where no block is missing")
    def test_blocks_without_effect_are_named_in_the_log(self):
        text = r'\[WRN\] .*server.conf:2:1: "mqtt" is accepted, but not active in this version$'
        server = self.start(config="max_payload: 5\nmqtt {}\n")
        self.assertEqual(len([line for line in server.log.lines() if "not active" in line]), 1)
        server.log.wait(text)
        path = os.path.join(self.folder(), "server.log")
        server = self.start(config=f'log_file: "{path}"\nmqtt {{}}\n', log_file=path)
        self.assertRegex(server.log.text(), r'server.conf:2:1: "mqtt" is accepted')
        server.stop()
        with open(path, encoding="utf-8") as stream:
            self.assertRegex(stream.read(), "(?m)" + text)

    def test_the_log_names_the_configuration_file(self):
        server = self.start(config="max_payload: 5\n")
        server.log.wait(r"\[INF\] Using configuration file: " + re.escape(server.config_file) + "$")
        self.assertNotIn("Using configuration file", self.start().log.text())

    def test_the_log_says_when_the_stop_begins_and_ends(self):
        server = self.start()
        server.stop()
        last = [line.split("[INF] ")[-1] for line in server.log.lines()[-2:]]
        self.assertEqual(last, ["Initiating Shutdown...", "Server Exiting.."])

    def test_no_colours_in_a_pipe(self):
        server = self.start("-DV")
        self.client(server)
        server.stop()
        self.assertNotIn("\x1b", server.log.text())

    def test_log_file(self):
        path = os.path.join(self.folder(), "server.log")
        server = self.start("-l", path, log_file=path)
        self.assertEqual(server.log.lines(), [])
        server.stop()
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
        self.assertRegex(text.splitlines()[0], LINE % server.pid)
        self.assertIn("Server is ready", text)

    def test_log_file_is_appended_to(self):
        path = os.path.join(self.folder(), "server.log")
        with open(path, "w", encoding="utf-8") as out:
            out.write("kept\n")
        server = self.start("-l", path, log_file=path)
        server.stop()
        with open(path, encoding="utf-8") as stream:
            self.assertEqual(stream.readline(), "kept\n")

    def test_a_log_file_that_cannot_be_opened_exits_1(self):
        path = os.path.join(self.folder(), "none", "server.log")
        code, _, error = self.run_once("-a", "127.0.0.1", "-p", "-1", "-l", path)
        self.assertEqual(code, 1)
        self.assertIn("error opening file: ", error)

    def test_debug_lines_of_a_connection(self):
        server = self.start("-D")
        wire = self.client(server)
        server.log.wait(r"\[DBG\] " + PEER + "Client connection created")
        wire.close()
        server.log.wait(r"\[DBG\] " + PEER + ".*Client connection closed")

    def test_trace_lines(self):
        server = self.start("-V")
        wire = self.client(server)
        wire.send("SUB foo q 1\r\nPUB foo 5\r\nhello\r\nUNSUB 1\r\n")
        wire.expect_message("foo", 1, b"hello")
        wire.expect_quiet()
        for text in (
            r"<<- \[CONNECT \{.*\}\]",
            r"<<- \[PING\]",
            r"->> \[PONG\]",
            r"<<- \[SUB foo q 1\]",
            r"<<- \[PUB foo 5\]",
            r'<<- MSG_PAYLOAD: \["hello"\]',
            r"->> \[MSG foo 1 5\]",
            r"<<- \[UNSUB 1\]",
            r"<-> \[DELSUB 1\]",
        ):
            server.log.wait(r"\[TRC\] " + PEER + "(\".*\" - )?" + text)

    def test_a_long_payload_is_cut_in_the_trace(self):
        server = self.start("-V", config="max_traced_msg_len: 5\n")
        self.client(server).send("PUB foo 5\r\nhello\r\nPUB foo 7\r\nworlds!\r\n")
        server.log.wait(r'MSG_PAYLOAD: \["hello"\]')
        server.log.wait(r'MSG_PAYLOAD: \["world\.\.\."\]')

    @case.differs("2.9.10", "trace_headers came with 2.11")
    def test_of_payloads_only_the_headers(self):
        server = self.start("-V", config="trace_headers: true\n")
        header = "NATS/1.0\r\nA: b\r\n\r\n"
        hpub = f"HPUB foo {len(header)} {len(header) + 6}\r\n{header}secret\r\n"
        self.client(server).send("PUB foo 6\r\nsecret\r\n" + hpub)
        server.log.wait(r'MSG_PAYLOAD: \["NATS/1\.0\\r\\nA: b"\]')
        self.assertNotIn("secret", server.log.text())

    def test_trace_hides_passwords(self):
        server = self.start("-V", "--user", "u", "--pass", "secret-word")
        self.client(server, user="u", **{"pass": "secret-word"})
        server.log.wait(r"\[CONNECT .*\[REDACTED\]")
        server.stop()
        self.assertNotIn("secret-word", server.log.text())

    @case.differs("2.9.10", "it hides only the first pass...; the rest since 2.10.28")
    def test_trace_hides_tokens_and_signatures(self):
        server = self.start("-V")
        self.client(server, auth_token="secret-1", sig="secret-2", nkey="secret-3")
        server.log.wait(r"\[CONNECT .*\[REDACTED\]")
        server.stop()
        for text in ("secret-1", "secret-2", "secret-3"):
            self.assertNotIn(text, server.log.text())

    def test_errors_of_peers_are_logged(self):
        server = self.start()
        for sent, text in (
            ("BOGUS\r\n", r"Client parser ERROR, state=\d+, i=\d+: proto='\".*\"\.\.\.'"),
            ("PUB foo bar baz 5\r\n", r"processPub Parse Error: "),
            ("PUB foo nope\r\n", r"processPub Bad or Missing Size: "),
            ("SUB foo\r\n", r"processSub Parse Error: "),
            ("UNSUB 1 2 3\r\n", r"processUnsub Parse Error: "),
            ("PUB foo 9999999\r\n", r"maximum payload exceeded: 9999999 vs 1048576"),
            ("-ERR 'ouch'\r\n", r"Client Error 'ouch'"),
        ):
            wire = self.client(server)
            wire.send(sent)
            server.log.wait(r"\[ERR\] " + PEER + "(\".*\" - )?" + text)

    def test_plaintext_passwords_are_warned_about(self):
        server = self.start("--user", "u", "--pass", "p")
        server.log.wait(r"\[WRN\] Plaintext passwords detected, use nkeys or bcrypt")


if __name__ == "__main__":
    case.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/latency and the scenarios behind it: every message counts once, from the time at which it was due.

Method: short runs against real servers. No figure of time is judged but one that the test itself causes: it stops the
server for half a second, and each message that was due in the first quarter is late by a quarter at least, on
any machine.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

from support import case
from support.case import Options, ServerCase

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools/latency"
SHORT = ["--sizes", "16,1024", "--rates", "500", "--rounds", "2", "--seconds", "0.2", "--warmup", "0.1",
         "--connections", "3"]
MESSAGES = 2 * 100
STALL_S = 0.5


class LatencyToolCase(ServerCase):
    def tool(self, *arguments):
        command = [sys.executable, str(TOOL), "--build", os.environ["NURING_BUILD"], *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=150)

    def cases_of(self, *arguments):
        done = self.tool("--json", "-", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        return json.loads(done.stdout)["cases"]


class FiguresTest(LatencyToolCase):
    def test_programs_and_running_servers_side_by_side(self):
        running = self.start(config="authorization { user: eva, password: secret }")
        cases = self.cases_of("--server", f"program={Options.server}", "--server",
                              f"running=nats://eva:secret@localhost:{running.port}", *SHORT)
        self.assertEqual([(found["mode"], found["size"]) for found in cases],
                         [("deliver", 16), ("deliver", 1024), ("request", 16), ("request", 1024)])
        for found in cases:
            self.assertEqual(list(found["servers"]), ["program", "running"])
            for name, figures in found["servers"].items():
                self.assertEqual((figures["rounds"], figures["messages"]), (2, MESSAGES))
                self.assertEqual(sum(count for _, count in figures["histogram_ns"]), MESSAGES)
                self.assertGreater(figures["p50_us"], 0)
                self.assertLessEqual(figures["p50_us"], figures["p99_us"])
                self.assertLessEqual(figures["p99_us"], figures["max_us"])
                self.assertIsNone(figures["p99.9_us"])  # 200 messages have none
                self.assertEqual("server_cpu_us" in figures, name == "program")

    def test_the_text_shows_each_server_and_the_floor(self):
        done = self.tool("--server", f"ours={Options.server}", "--floor", "--modes", "deliver", *SHORT)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        self.assertIn("publish to deliver, 500 messages/s, 16 bytes, 3 connections, 2 rounds of 0.2 s", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^ +ours +floor$")
        self.assertRegex(done.stdout, r"(?m)^messages +200 +200$")
        self.assertRegex(done.stdout, r"(?m)^ *[0-9.]+ (us|ms) to *[0-9.]+ (us|ms|s ) +\|[#.]")

    def test_a_run_that_lost_something_is_no_figure(self):
        server = self.start(config='authorization { users: [{ user: a, password: b, permissions: {\n'
                                   '  publish: "nothing", subscribe: "load.>" } }] }')
        done = self.tool("--server", f"refuses=nats://a:b@127.0.0.1:{server.port}", "--modes", "deliver", *SHORT)
        self.assertEqual(done.returncode, 1, done.stderr + done.stdout)
        self.assertIn("INVALID round of refuses: the server closed a connection -ERR 'Permissions Violation",
                      done.stdout)
        self.assertNotIn("\np50", done.stdout)

    def test_what_is_no_server_ends_with_a_sentence(self):
        done = self.tool("--server", "x=/nowhere/nats-server")
        self.assertEqual((done.returncode, done.stderr),
                         (1, "latency: neither a program nor nats://HOST:PORT: x=/nowhere/nats-server\n"))


class ArgumentsTest(LatencyToolCase):
    """What cannot be measured is said before anything is, and at once."""

    def test_arguments_that_make_no_sense(self):
        for wrong in (["--rounds", "0"], ["--connections", "0"], ["--seconds", "0"], ["--seconds", "-1"],
                      ["--seconds", "nan"], ["--warmup", "-3"], ["--warmup", "inf"], ["--rates", "99999999999"],
                      ["--rates", "0"], ["--load-cpu", "9999"], ["--server-cpus", "9999"],
                      ["--server-cpus", "3-1"], ["--json", "/nowhere/file"]):
            with self.subTest(" ".join(wrong)):
                done = self.tool("--server", f"x={Options.server}", *SHORT, *wrong)
                self.assertEqual(done.returncode, 2, done.stderr + done.stdout)
                self.assertNotIn("Traceback", done.stderr)
                self.assertNotIn("round 1", done.stderr)

    def test_the_generator_takes_no_time_that_is_none(self):
        generator = os.path.join(os.environ["NURING_BUILD"], "bench/load/nuring-load")
        for flag in ("--seconds", "--warmup", "--rate"):
            for value in ("-1", "nan", "inf", "1e300"):
                with self.subTest(f"{flag} {value}"):
                    done = subprocess.run([generator, "latency-deliver", f"{flag}={value}"], capture_output=True,
                                          text=True, timeout=60)
                    self.assertNotEqual(done.returncode, 0)
                    self.assertIn(f"{flag}: from 0 to", done.stderr)


class StallTest(LatencyToolCase):
    def stalled_run(self, scenario, rate, seconds):
        """The generator's result, or None if it had ended before the server stood still."""
        server = self.start()
        listener = self.client(server)
        listener.send("SUB load.> 1\r\n")
        listener.expect_quiet()
        generator = subprocess.Popen(
            [os.path.join(os.environ["NURING_BUILD"], "bench/load/nuring-load"), scenario, "--port", str(server.port),
             "--rate", str(rate), "--count", str(int(rate * seconds)), "--block", "--json", "--histogram"],
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(generator.wait)
        self.addCleanup(generator.kill)
        self.addCleanup(generator.stdout.close)
        listener.expect_line(r"MSG load\..*")
        os.kill(server.pid, signal.SIGSTOP)
        try:
            os.waitid(os.P_PID, server.pid, os.WSTOPPED | os.WNOWAIT)
            ended = generator.poll() is not None
            time.sleep(STALL_S)
        finally:
            os.kill(server.pid, signal.SIGCONT)
        out, _ = generator.communicate(timeout=60)
        return None if ended else json.loads(out)

    def test_a_server_that_stands_still_makes_all_messages_late_that_were_due(self):
        rate, seconds = 400, 3
        for scenario in ("latency-deliver", "latency-request"):
            with self.subTest(scenario):
                result = None
                for _ in range(3):
                    result = result or self.stalled_run(scenario, rate, seconds)
                self.assertTrue(result and result["valid"], result)
                self.assertEqual(sum(count for _, count in result["histogram"]), rate * seconds)
                late = sum(count for limit, count in result["histogram"] if limit >= STALL_S / 2 * 1e9)
                self.assertGreaterEqual(late, rate * STALL_S / 2 - 1)


if __name__ == "__main__":
    at = sys.argv.index("--build")
    os.environ["NURING_BUILD"] = sys.argv[at + 1]
    del sys.argv[at:at + 2]
    if not os.access(os.path.join(os.environ["NURING_BUILD"], "bench/load/nuring-relay"), os.X_OK):
        print("SKIPPED latency tool: no load generator")
        sys.exit(77)
    case.main()

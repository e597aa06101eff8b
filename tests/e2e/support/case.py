# SPDX-License-Identifier: Apache-2.0
"""ServerCase: a unittest case that starts servers of the binary under test and ends them.

A test file calls main() and is run as
    <file> --server PATH [--server-arg ARG ...] [--reference VERSION] [unittest arguments]
"""

import argparse
import functools
import json
import os
import sys
import tempfile
import threading
import time
import unittest

from support.server import Server, run_once
from support.wire import Wire, connected

DEADLINE_S = 20.0


class Options:
    """The command line of the test program."""

    server = None
    server_args = []
    reference = None


def differs(version, why):
    """Marks what the reference of this version does otherwise; the test is skipped there."""

    def mark(test):
        @functools.wraps(test)
        def run(self, *args, **kwargs):
            if Options.reference == version:
                self.skipTest(f"the reference differs: {why}")
            return test(self, *args, **kwargs)

        return run

    return mark


class ServerCase(unittest.TestCase):
    def folder(self, within=None):
        folder = tempfile.TemporaryDirectory(prefix="nuring-e2e-", dir=within)
        self.addCleanup(folder.cleanup)
        return folder.name

    def start(self, *args, **options):
        """A running server; it is closed, and must still run, when the test ends well."""
        server = Server(Options.server, [*Options.server_args, *args], **options)
        self.addCleanup(server.close)
        return server.start()

    def run_once(self, *args):
        return run_once(Options.server, args)

    def expect_ports_file(self, server, folder):
        """Waits until the ports file in that folder is complete and right; returns its path."""
        path = os.path.join(folder, f"{os.path.basename(Options.server)}_{server.pid}.ports")
        self.wait_for(lambda: os.path.exists(path) and os.path.getsize(path), f"ports file {path}")
        with open(path, encoding="utf-8") as stream:
            self.assertEqual(json.load(stream)["nats"], [server.url])
        return path

    def wire(self, server, **options):
        wire = Wire(server.port, **options)
        self.addCleanup(wire.close)
        return wire

    def client(self, server, **options):
        wire = connected(server, **options)
        self.addCleanup(wire.close)
        return wire

    def wait_for(self, good, what, deadline_s=DEADLINE_S):
        """For states that announce themselves nowhere: polls, with a deadline."""
        end = time.monotonic() + deadline_s
        pause = threading.Event()
        while not good():
            if time.monotonic() > end:
                self.fail(f"not within {deadline_s} s: {what}")
            pause.wait(0.005)

    def check_serves(self, server):
        """The server still carries a message between two new connections."""
        receiver, sender = connected(server), connected(server)
        try:
            receiver.send("SUB still.alive 1\r\n")
            receiver.expect_quiet()
            sender.send("PUB still.alive 2\r\nok\r\n")
            sender.expect_quiet()
            receiver.expect_message("still.alive", 1, b"ok")
        finally:
            receiver.close()
            sender.close()


def server_is_sanitized():
    """Its shadow memory and quarantine count as memory of the process."""
    with open(Options.server, "rb") as program:
        content = program.read()
    return b"__tsan_init" in content or b"__asan_init" in content


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as stream:
        return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True)
    parser.add_argument("--server-arg", action="append", default=[])
    parser.add_argument("--reference")
    options, rest = parser.parse_known_args()
    Options.server = os.path.abspath(options.server)
    Options.server_args = options.server_arg
    Options.reference = options.reference
    outcome = unittest.main(argv=[sys.argv[0], *rest], exit=False).result
    for _, why in outcome.skipped:
        print(why, flush=True)
    if not outcome.wasSuccessful():
        sys.exit(1)
    # Nothing but skips is no success.
    sys.exit(77 if outcome.skipped and outcome.testsRun <= len(outcome.skipped) else 0)

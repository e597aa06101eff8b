#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The flag -sl against real processes.

Without a pid it looks for the servers of the machine, so this file runs itself again in a pid namespace of
its own, where nothing runs but what a test starts. Where that is not permitted, it is skipped and says so.
"""

import os
import re
import signal
import subprocess
import sys

from support import case
from support.case import Options, ServerCase, differs
from support.server import Server, run_once

# Lest a server that starts all the same takes the default port.
ANY_PORT = ("-a", "127.0.0.1", "-p", "-1")
# A user namespace, so that it needs no privilege; whoever ends the first process ends all of them.
NAMESPACE = ("unshare", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child")
INSIDE = "--inside-namespace"


class SignalCommandCase(ServerCase):
    def setUp(self):
        super().setUp()
        self.program = os.path.basename(Options.server)

    def sl(self, command):
        return self.run_once(*ANY_PORT, "-sl", command)

    def check_sent(self, command):
        self.assertEqual(self.sl(command), (0, "", ""))

    def check_refused(self, command, text):
        """The exit code, and the whole text; ours may end with a remedy."""
        code, out, error = self.sl(command)
        self.assertEqual((code, out), (1, ""), command)
        name, _, rest = error.partition(": ")
        self.assertRegex(name, r"^nats-(server|uring)$", command)
        self.assertRegex(rest, "^" + re.escape(text) + ("\n$" if Options.reference else r"( - .*)?\n$"), command)


class WithoutAPidTest(SignalCommandCase):
    def test_no_server(self):
        for word in ("stop", "quit", "term", "reopen", "reload", "ldm"):
            self.check_refused(word, f"no {self.program} processes running")

    def test_one_server(self):
        server = self.start()
        self.check_sent("reopen")
        server.log.wait("File log re-open ignored, not a file logger")
        self.check_sent("reload")
        server.log.wait("Failed to reload server configuration: can only reload config when a file")
        self.check_serves(server)
        self.check_sent("quit")
        self.assertEqual(server.wait_exit(), 0)

    @differs("2.9.10", "it looks at no link's name")
    def test_one_that_is_called_nats_server_is_found_by_that_name(self):
        if self.program == "nats-server":
            self.skipTest("the program itself has that name")
        link = os.path.join(self.folder(), "nats-server")
        os.symlink(os.path.abspath(Options.server), link)
        server = Server(link, [])
        self.addCleanup(server.close)
        server.start()
        self.check_refused("quit", f"no {self.program} processes running")
        self.assertEqual(run_once(link, ["--signal", "quit"]), (0, "", ""))
        self.assertEqual(server.wait_exit(), 0)
        code, _, error = run_once(link, ["--signal", "quit"])
        self.assertEqual((code, error.split(" - ")[0].rstrip()), (1, "nats-server: no nats-server processes running"))

    def test_several_servers(self):
        servers = [self.start() for _ in range(3)]
        pids = "".join(f"\n{pid}" for pid in sorted(server.pid for server in servers))
        for word in ("quit", "reload", "stop"):
            self.check_refused(word, f"multiple {self.program} processes running:{pids}")
        for server in servers:
            self.check_serves(server)
        for server in servers[:2]:
            self.assertEqual(server.stop(), 0)
        self.check_sent("quit")  # one is left
        self.assertEqual(servers[2].wait_exit(), 0)

    def test_a_server_that_ended_does_not_count(self):
        gone = self.start()
        gone.send_signal(signal.SIGKILL)
        # Nobody has waited for it yet.
        os.waitid(os.P_PID, gone.pid, os.WEXITED | os.WNOWAIT)
        self.addCleanup(gone.kill)
        if Options.reference is None:
            self.check_refused("reload", f"no {self.program} processes running")
        self.assertEqual(gone.wait_exit(), -signal.SIGKILL)
        self.check_refused("reload", f"no {self.program} processes running")

    def test_an_unknown_word(self):
        self.check_refused("frob", f"no {self.program} processes running")
        server = self.start()
        self.check_refused("frob", 'unknown signal "frob"')
        self.check_refused("QUIT", 'unknown signal "QUIT"')
        self.check_serves(server)


class WithAPidTest(SignalCommandCase):
    def test_words(self):
        """Each word among several servers; only the one that is named gets it."""
        other = self.start()
        for word, code in (("stop", -signal.SIGKILL), ("quit", 0), ("term", 0)):
            server = self.start()
            self.check_sent(f"{word}={server.pid}")
            if word == "term" and Options.reference == "2.9.10":
                code = 1
            self.assertEqual(server.wait_exit(), code, word)
        server = self.start()
        self.check_sent(f"reopen={server.pid}")
        server.log.wait("File log re-open ignored, not a file logger")
        self.check_sent(f"ldm={server.pid}")
        server.log.wait("Entering lame duck mode, stop accepting new clients")
        self.assertEqual(server.wait_exit(), 0)
        self.check_serves(other)

    def test_reload(self):
        server = self.start(config="max_payload: 100\n")
        with open(server.config_file, "w", encoding="utf-8") as out:
            out.write("max_payload: 200\n")
        self.check_sent(f"reload={server.pid}")
        server.log.wait("Reloaded server configuration")
        self.assertEqual(self.wire(server).read_info()["max_payload"], 200)

    def test_a_pid_file(self):
        path = os.path.join(self.folder(), "server.pid")
        other = self.start()
        server = self.start("-P", path)
        self.check_sent(f"reopen={path}")
        server.log.wait("File log re-open ignored, not a file logger")
        self.check_sent(f"quit={path}")
        self.assertEqual(server.wait_exit(), 0)
        # It stays behind, as with the reference.
        self.check_refused(f"quit={path}", self.refusal("quit", server.pid, "no such process"))
        self.check_serves(other)

    @differs("2.9.10", "it does not trim what the file holds")
    def test_a_pid_file_with_a_line_end(self):
        path = os.path.join(self.folder(), "server.pid")
        server = self.start()
        with open(path, "w", encoding="ascii") as out:
            out.write(f"{server.pid}\n")
        self.check_sent(f"quit={path}")
        self.assertEqual(server.wait_exit(), 0)

    def test_errors(self):
        server = self.start()
        self.check_refused(f"frob={server.pid}", 'unknown signal "frob"')
        self.check_refused("quit=xyz", "invalid pid: xyz")
        missing = os.path.join(self.folder(), "none.pid")
        self.check_refused(f"quit={missing}", f"invalid pid: {missing}")
        self.check_refused("quit=1=2", "invalid signal parameters: [2]")
        unused = 4_000_000  # above the largest pid
        self.check_refused(f"quit={unused}", self.refusal("quit", unused, "no such process"))
        self.check_serves(server)

    def refusal(self, word, pid, text):
        """Since 2.10.0 the reference names each process, as it may be many."""
        newest = Options.reference and not Options.reference.startswith("2.9.")
        return f'\nsignal "{word}" {pid}: {text}' if newest else text


class SeveralPidsTest(SignalCommandCase):
    @differs("2.9.10", "a pid with a star is known since 2.10.0")
    def test_a_star_means_all_that_begin_so(self):
        servers = [self.start() for _ in range(3)]
        self.check_sent("reopen=*")
        for server in servers:
            server.log.wait("File log re-open ignored, not a file logger")
        self.check_sent(f"quit={servers[0].pid}*")
        self.assertEqual(servers[0].wait_exit(), 0)
        self.check_refused("quit=x*", "invalid pid: x")
        self.check_sent("quit=*")
        for server in servers[1:]:
            self.assertEqual(server.wait_exit(), 0)
        self.check_refused("quit=*", f"no {self.program} processes running")


def namespace_is_permitted():
    try:
        done = subprocess.run([*NAMESPACE, "true"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return False
    if done.returncode != 0:
        print(done.stderr, end="", file=sys.stderr)
    return done.returncode == 0


if __name__ == "__main__":
    if INSIDE in sys.argv:
        sys.argv.remove(INSIDE)
        case.main()
    elif namespace_is_permitted():
        os.execvp(NAMESPACE[0], [*NAMESPACE, sys.executable, *sys.argv, INSIDE])
    else:
        print("SKIPPED: a pid namespace of its own is not permitted here", flush=True)
        sys.exit(77)

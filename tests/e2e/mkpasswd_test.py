#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""nats-uring-mkpasswd: at a terminal, at a pipe, and the server takes what it makes."""

import fcntl
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time

from support import case
from support.case import DEADLINE_S, Options, ServerCase
from support.server import run_once

HASH = r"bcrypt hash: (\$2a\$(\d\d)\$[./A-Za-z0-9]{53})"
PASSWORD = "S3Cr3T0k3n!"  # that of the READMEs


def mkpasswd():
    build = os.path.dirname(os.path.dirname(Options.server))
    return os.path.join(build, "mkpasswd", "nats-uring-mkpasswd")


class Terminal:
    """The program with a terminal of its own, on which nothing is read before it is asked for."""

    def __init__(self, *arguments):
        self.ours, self.its = pty.openpty()
        self.seen = ""

        def take_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            [mkpasswd(), *arguments], stdin=self.its, stdout=self.its, stderr=self.its, preexec_fn=take_terminal
        )

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.ours)
        os.close(self.its)

    def echoes(self):
        return bool(termios.tcgetattr(self.its)[3] & termios.ECHO)

    def read_until(self, text):
        """All that was shown since the last call, up to this text."""
        end = time.monotonic() + DEADLINE_S
        while text not in self.seen:
            if not select.select([self.ours], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError(f"no {text!r} in {self.seen!r}")
            self.seen += os.read(self.ours, 4096).decode()
        shown, self.seen = self.seen.split(text, 1)
        return shown

    def type(self, text):
        os.write(self.ours, text.encode())

    def end(self):
        """The exit code, and what was shown since the last call."""
        code = self.process.wait(DEADLINE_S)
        while select.select([self.ours], [], [], 0)[0]:
            self.seen += os.read(self.ours, 4096).decode()
        return code, self.seen


class MkpasswdCase(ServerCase):
    def run_it(self, *arguments, given=None):
        done = subprocess.run(
            [mkpasswd(), *arguments], input=given or "", capture_output=True, text=True, check=False,
            timeout=DEADLINE_S,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    def check_logs_in(self, password, bcrypt_hash):
        server = self.start(config=f"authorization {{ user: derek, password: {bcrypt_hash}, timeout: 10 }}\n")
        for given, answer in ((password, b"PONG\r\n"), (password + "x", b"-ERR 'Authorization Violation'\r\n")):
            wire = self.wire(server)
            wire.read_info()
            wire.send('CONNECT {"verbose":false,"user":"derek","pass":"%s"}\r\nPING\r\n' % given)
            wire.expect(answer)


class AtATerminalTest(MkpasswdCase):
    def terminal(self, *arguments):
        terminal = Terminal(*arguments)
        self.addCleanup(terminal.close)
        return terminal

    def test_asks_twice_without_echo(self):
        terminal = self.terminal("-p")
        self.assertEqual(terminal.read_until("Enter Password: "), "")
        self.assertFalse(terminal.echoes())
        terminal.type(PASSWORD + "\n")
        self.assertEqual(terminal.read_until("Reenter Password: "), "\r\n")
        self.assertFalse(terminal.echoes())
        terminal.type(PASSWORD + "\n")
        code, shown = terminal.end()
        self.assertEqual(code, 0)
        self.assertTrue(terminal.echoes())
        made = re.fullmatch(rf"\r\n{HASH}\r\n", shown)
        self.assertTrue(made, shown)
        self.assertEqual(made[2], "11")
        self.check_logs_in(PASSWORD, made[1])

    def test_two_that_differ(self):
        terminal = self.terminal("-p", "-c", "4")
        terminal.read_until("Enter Password: ")
        terminal.type(PASSWORD + "\n")
        terminal.read_until("Reenter Password: ")
        terminal.type(PASSWORD.lower() + "\n")
        self.assertEqual(terminal.end(), (1, "\r\nError, passwords do not match\r\n"))
        self.assertTrue(terminal.echoes())

    def test_an_empty_one(self):
        terminal = self.terminal("-p")
        terminal.read_until("Enter Password: ")
        terminal.type("\n")
        terminal.read_until("Reenter Password: ")
        terminal.type("\n")
        self.assertEqual(terminal.end(), (1, "\r\nError, the password is empty\r\n"))

    def test_the_end_of_input(self):
        terminal = self.terminal("-p")
        terminal.read_until("Enter Password: ")
        terminal.type("\x04")
        code, shown = terminal.end()
        self.assertEqual(code, 1)
        self.assertIn("Error reading password: EOF", shown)
        self.assertTrue(terminal.echoes())

    def test_an_interrupt_leaves_the_terminal_as_it_was(self):
        for prompts in (["Enter Password: "], ["Enter Password: ", "Reenter Password: "]):
            terminal = self.terminal("-p")
            for prompt in prompts[:-1]:
                terminal.read_until(prompt)
                terminal.type(PASSWORD + "\n")
            terminal.read_until(prompts[-1])
            terminal.type("\x03")
            self.assertEqual(terminal.end()[0], -signal.SIGINT)
            self.assertTrue(terminal.echoes())


class WithoutATerminalTest(MkpasswdCase):
    def test_makes_a_password_that_logs_in(self):
        code, out, error = self.run_it()
        self.assertEqual((code, error), (0, ""))
        made = re.fullmatch(rf"pass: ([a-zA-Z0-9!@$#%^&*()]{{22}})\n{HASH}\n", out)
        self.assertTrue(made, out)
        self.assertEqual(made[3], "11")
        self.check_logs_in(made[1], made[2])

    def test_reads_a_pipe(self):
        for given in (PASSWORD, PASSWORD + "\n", PASSWORD + "\r\n", f"{PASSWORD}\n{PASSWORD}\n"):
            code, out, error = self.run_it("-p", "-c", "4", given=given)
            self.assertEqual((code, error), (0, ""), given)
            self.assertRegex(out, rf"^{HASH}\n$")
        self.check_logs_in(PASSWORD, re.search(HASH, out)[1])

    def test_a_pipe_with_a_mistake(self):
        for given, text in (
            ("", "Error reading password: EOF"),
            ("\n", "Error, the password is empty"),
            ("one\ntwo\n", "Error, passwords do not match"),
            ("x" * 73 + "\n", "Error producing bcrypt hash: bcrypt: password length exceeds 72 bytes"),
        ):
            self.assertEqual(self.run_it("-p", "-c", "4", given=given), (1, "", text + "\n"))

    def test_a_password_among_the_arguments(self):
        """As the READMEs print it: ./util/mkpasswd -p T0pS3cr3t"""
        code, out, error = self.run_it("-p", "T0pS3cr3t")
        self.assertEqual((code, error), (0, ""))
        self.assertRegex(out, rf"^{HASH}\n$")
        self.check_logs_in("T0pS3cr3t", re.search(HASH, out)[1])

    def test_cost(self):
        for words, cost in ((["-c", "4"], "04"), (["--c=5"], "05"), (["-c=6", "-p"], "06"), (["-c", "1"], "10")):
            code, out, _ = self.run_it(*words, given=PASSWORD)
            self.assertEqual(code, 0, words)
            self.assertEqual(re.search(HASH, out)[2], cost, words)
        code, out, error = self.run_it("-p", "-c", "32", given=PASSWORD)
        self.assertEqual((code, out), (1, ""))
        self.assertEqual(error, "Error producing bcrypt hash: crypto/bcrypt: cost 32 is outside allowed range (4,31)\n")

    def test_usage(self):
        for words, text in (
            (["-x"], "flag provided but not defined: -x"),
            (["-c"], "flag needs an argument: -c"),
            (["-c", "many"], 'invalid value "many" for flag -c: parse error'),
            (["word"], 'what is "word"?'),
            (["-p", "one", "two"], 'what is "two"?'),
        ):
            code, out, error = self.run_it(*words)
            self.assertEqual((code, out), (2, ""), words)
            self.assertTrue(error.startswith(text + "\nUsage: nats-uring-mkpasswd "), error)
        code, out, error = run_once(mkpasswd(), ["-h"])
        self.assertEqual((code, error), (0, ""))
        self.assertTrue(out.startswith("Usage: nats-uring-mkpasswd "), out)


if __name__ == "__main__":
    case.main()

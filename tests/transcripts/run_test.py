#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: the transcript runner itself finds what it should find.
Method: a scripted peer on a socket plays the server; a good and several wrong dialogues run on it.
"""

import os
import socket
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import run  # noqa: E402


class Peer:
    """Accepts one connection, sends `hello`, answers each line from a table, then ends."""

    def __init__(self, answers, hello=b'INFO {"port":1,"name":"x"} \r\n'):
        self.answers = answers
        self.hello = hello
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.got = b""
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self):
        connection, _ = self.listener.accept()
        with connection:
            connection.sendall(self.hello)
            pending = b""
            while True:
                try:
                    chunk = connection.recv(4096)
                except OSError:
                    return
                if not chunk:
                    return
                self.got += chunk
                pending += chunk
                while b"\n" in pending:
                    line, _, pending = pending.partition(b"\n")
                    answer = self.answers.get(line.strip(), b"")
                    if answer is None:
                        return
                    connection.sendall(answer)

    def join(self):
        self.thread.join()
        self.listener.close()


class RunnerTest(unittest.TestCase):
    def play(self, text, answers, mode="lines"):
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as stream:
            stream.write(text)
            stream.flush()
            transcript = run.Transcript(stream.name)
        peer = Peer(answers)
        try:
            return run.play_case(peer.port, transcript.cases[0], mode, 0.5), peer
        finally:
            peer.join()

    def test_good_dialogue_passes_in_every_mode(self):
        answers = {b"A": b"one\r\n", b"B": b"two\r\n"}
        for mode in run.MODES:
            error, peer = self.play("== x\nC: A\nC: B\nS: one\nS~ t.o\nI: port = 1\n", answers, mode)
            self.assertIsNone(error)
            self.assertEqual(peer.got, b"A\r\nB\r\n")

    def test_wrong_answer_fails_and_names_the_line(self):
        error, _ = self.play("== x\nC: A\nS: one\n", {b"A": b"two\r\n"})
        self.assertIn(":3: expected", str(error))

    def test_missing_answer_fails(self):
        error, _ = self.play("== x\nC: A\nS: one\n", {})
        self.assertIn("nothing more came in time", str(error))

    def test_surplus_answer_fails(self):
        error, _ = self.play("== x\nC: A\nS= on\n", {b"A": b"one\r\n"})
        self.assertIn("left over", str(error))

    def test_bare_line_feed_fails(self):
        error, _ = self.play("== x\nC: A\nS~ one\n", {b"A": b"one\n"})
        self.assertIn("line without CR", str(error))

    def test_end_of_stream_is_seen(self):
        error, _ = self.play("== x\nC: A\nS! end\n", {b"A": None})
        self.assertIsNone(error)

    def test_open_stream_is_not_an_end(self):
        error, _ = self.play("== x\nC: A\nS! end\n", {})
        self.assertIn("expected the end of the stream", str(error))

    def test_quiet_sees_what_comes_before_pong(self):
        error, _ = self.play("== x\nS! quiet\n", {b"PING": b"MSG\r\nPONG\r\n"})
        self.assertIn("expected b'PONG", str(error))

    def test_info_checks(self):
        for check, good in (
            ("port = 1", True),
            ("port = true", False),
            ("name ~ [x]", True),
            ("name ~ y", False),
            ("none absent", True),
            ("name absent", False),
        ):
            error, _ = self.play(f"== x\nI: {check}\n", {})
            self.assertEqual(error is None, good, check)

    def test_escapes(self):
        self.assertEqual(run.unescape(r"a\r\n\t\\n\x00\rep(3,b\n)"), b"a\r\n\t\\n\x00b\nb\nb\n")

    def test_what_is_not_understood_is_an_error(self):
        for line in ("X: y", "C? y", "config: late", "split: maybe", "reference: 1 differs"):
            with self.assertRaises(run.FormatError):
                self.play(f"== x\n{line}\n", {})


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bad peers: the server stays up and the others do not notice.

Every test runs a healthy pair of connections across the abuse.
"""

import os
import random

from support import case
from support.case import ServerCase, open_files

VERBS = ("CONNECT", "PUB", "HPUB", "SUB", "UNSUB", "PING", "PONG", "INFO", "+OK", "-ERR", "MSG", "RS+")


class AbuseTest(ServerCase):
    def setUp(self):
        self.server = self.start()
        self.receiver = self.client(self.server)
        self.receiver.send("SUB healthy 1\r\n")
        self.receiver.expect_quiet()
        self.sender = self.client(self.server)
        self.files = open_files(self.server.pid)

    def check_healthy(self):
        self.assertTrue(self.server.running(), self.server.log.text())
        self.sender.send("PUB healthy 2\r\nok\r\n")
        self.sender.expect_quiet()
        self.receiver.expect_message("healthy", 1, b"ok")

    def check_nothing_is_left(self):
        self.check_healthy()
        self.wait_for(lambda: open_files(self.server.pid) <= self.files, "descriptors are given back")

    def abuse(self, content, end=None):
        """Sends the bytes on a new connection and expects it to be closed with this last word."""
        wire = self.wire(self.server)
        wire.read_info()
        wire.send(content)
        if end is not None:
            answer = wire.read_to_end()
            self.assertTrue(answer.endswith(end), answer[-200:])
        wire.close()

    def test_other_protocols(self):
        unknown = b"-ERR 'Unknown Protocol Operation'\r\n"
        self.abuse(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", unknown)
        self.abuse(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(512), unknown)
        self.abuse(b"SSH-2.0-x\r\n", unknown)
        self.abuse(bytes(100000), unknown)
        self.check_nothing_is_left()

    def test_random_bytes(self):
        seed = int.from_bytes(os.urandom(4), "big")
        draw = random.Random(seed)
        with self.subTest(seed=seed):
            for _ in range(300):
                self.abuse(draw.randbytes(draw.randrange(1, 2000)))
            self.check_nothing_is_left()

    def test_random_verbs(self):
        """Lines that look right but are not; the healthy subject is spared."""
        seed = int.from_bytes(os.urandom(4), "big")
        draw = random.Random(seed)
        words = ("a", "a.b", ">", "*", "0", "3", "-1", "99999999999", "{}", '{"verbose":', "\x00", "é")

        def line():
            count = draw.randrange(5)
            rest = draw.choice((" ", "\t", "  ")).join(draw.choice(words) for _ in range(count))
            return draw.choice(VERBS) + draw.choice((" ", "", "\t")) + rest + draw.choice(("\r\n", "\n", ""))

        with self.subTest(seed=seed):
            for _ in range(300):
                self.abuse("".join(line() for _ in range(draw.randrange(1, 8))))
            self.check_nothing_is_left_of_subscribers()

    def check_nothing_is_left_of_subscribers(self):
        # `>` among the words may have seen the healthy pair's messages; they must still arrive once.
        self.check_nothing_is_left()

    def test_endless_control_line(self):
        wire = self.wire(self.server)
        wire.read_info()
        wire.send(b"PUB " + b"a" * 20_000_000)
        self.assertRegex(wire.read_to_end(), rb"-ERR 'maximum control line exceeded'\r\n$")
        wire.close()
        self.check_nothing_is_left()

    def test_oversized_payload_that_is_sent_all_the_same(self):
        wire = self.client(self.server)
        wire.send(b"PUB foo 2000000\r\n" + bytes(2_000_000) + b"\r\n")
        self.assertEqual(wire.read_to_end(), b"-ERR 'Maximum Payload Violation'\r\n")
        wire.close()
        self.check_nothing_is_left()

    def test_half_open_connections(self):
        for content in (b"", b"CONN", b"CONNECT {}\r\nPUB foo 10\r\nabc", b"SUB foo 1\r\n"):
            wire = self.wire(self.server)
            wire.read_info()
            wire.send(content)
            wire.shutdown()
            wire.read_to_end()
            wire.close()
        self.check_nothing_is_left()

    def test_resets(self):
        for content in (b"", b"PUB foo 10\r\nabc", b"SUB healthy 1\r\n", b"PING\r\n" * 1000):
            for _ in range(20):
                wire = self.wire(self.server)
                wire.send(content)
                wire.reset()
        self.check_nothing_is_left()

    def test_a_subscriber_is_reset_under_load(self):
        for _ in range(5):
            wire = self.wire(self.server, receive_bytes=4096)
            wire.open()
            wire.send("SUB load 1\r\n")
            wire.expect_quiet()
            self.sender.send((b"PUB load 1000\r\n" + b"x" * 1000 + b"\r\n") * 3000)
            wire.reset()
            self.sender.expect_quiet()
        self.check_nothing_is_left()

    def test_connect_and_close_at_once(self):
        for _ in range(500):
            self.wire(self.server).close()
        self.check_nothing_is_left()

    def test_a_publisher_that_closes_at_once_is_heard(self):
        self.receiver.send("SUB last.words 2\r\n")
        self.receiver.expect_quiet()
        for number in range(50):
            text = str(number).encode()
            wire = self.client(self.server)
            wire.send(b"PUB last.words %d\r\n%s\r\n" % (len(text), text))
            wire.close()
            self.receiver.expect_message("last.words", 2, text)
        self.check_nothing_is_left()

    def test_many_subscriptions_of_one_connection(self):
        count = 50_000
        wire = self.client(self.server)
        wire.send("".join(f"SUB many.{i}.x {i}\r\n" for i in range(count)))
        wire.expect_quiet()
        wire.send(f"PUB many.{count - 1}.x 0\r\n\r\n")
        wire.expect_message(f"many.{count - 1}.x", count - 1, b"")
        wire.close()
        self.check_nothing_is_left()

    def test_ping_flood_without_reading(self):
        """PONGs that nobody reads are bounded like any other pending bytes."""
        wire = self.wire(self.server, receive_bytes=4096)
        wire.open()
        wire.socket.setblocking(False)
        sent = 0
        try:
            while sent < 50_000_000:
                sent += wire.socket.send(b"PING\r\n" * 10000)
        except OSError:
            pass  # full, or closed as a slow consumer: both are fine
        self.check_healthy()
        wire.close()
        self.check_nothing_is_left()


if __name__ == "__main__":
    case.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Connections that leave, are refused, or are more than there are descriptors."""

import re
import signal

from support import case
from support.case import ServerCase, differs
from support.wire import Wire, WireError


class ConnectionsTest(ServerCase):
    def setUp(self):
        self.asked = []

    def test_a_client_with_many_subscriptions_leaves_at_once_for_everybody(self):
        """Goal: what it had is taken back in pieces, but it takes no message any more.
        Method: the other member of its queue group gets all of them; a request to one of its subjects is
        told that nobody is there as soon as that piece has gone.
        """
        many = 100_000
        server = self.start("-D")
        leaves, stays = self.client(server), self.client(server, headers=True, no_responders=True)
        for start in range(0, many, 1000):
            lines = (f"SUB many.{index} {index}\r\n" for index in range(start, start + 1000))
            leaves.send("".join(lines))
        leaves.send("SUB job workers q\r\n")
        stays.send("SUB job workers 1\r\nSUB reply.> 2\r\n")
        leaves.expect_quiet()
        stays.expect_quiet()
        leaves.close()
        server.log.wait("Client connection closed")
        stays.send("".join(f"PUB job {len(str(i))}\r\n{i}\r\n" for i in range(100)))
        # In any order: what was meant for the one that goes is passed on, and may come late.
        got = [stays.expect_line(r"MSG job 1 \d+") and stays.read_line() for _ in range(100)]
        self.assertEqual(sorted(got, key=int), [str(i).encode() for i in range(100)])
        stays.expect_quiet()

        def gone(subject):
            stays.send(f"PUB {subject} reply.x 1\r\nx\r\nPING\r\n")
            line = stays.read_line()
            if line.startswith(b"HMSG reply.x 2"):
                stays.expect("NATS/1.0 503\r\n\r\n\r\nPONG\r\n")
                return True
            self.assertEqual(line, b"PONG")
            return False

        for index in (0, many // 2, many - 1):
            self.wait_for(lambda: gone(f"many.{index}"), f"end of many.{index}")
        self.check_serves(server)

    def test_refused_clients_that_stay_take_no_place(self):
        """Goal: who is over the limit and does not close its end keeps nobody out.
        Method: one leaves, and others ask for its place until they get it, all kept open.
        """
        server = self.start(config="max_connections: 1\n")
        self.wait_for(lambda: not self.is_refused(server), "the first of them is let in")
        first = self.asked.pop()
        self.assertTrue(self.is_refused(server))
        first.close()
        self.wait_for(lambda: not self.is_refused(server), "a free place", deadline_s=5.0)

    @differs("2.9.10", "0 means its default")
    def test_none_at_all(self):
        """A limit of 0 keeps everybody out, also those who are connected when a reload brings it."""
        server = self.start(config="max_connections: 0\n")
        self.assertTrue(self.is_refused(server))
        self.reload(server, "max_connections: 1\n", r"Reloaded: max_connections = 1")
        self.wait_for(lambda: not self.is_refused(server), "one is let in")
        self.reload(server, "max_connections: 0\n", r"Reloaded: max_connections = (0|-1)")
        self.assertIn(b"maximum connections exceeded", self.asked[-1].read_line())
        self.assertTrue(self.is_refused(server))

    def reload(self, server, config, line):
        with open(server.config_file, "w", encoding="utf-8") as out:
            out.write(config)
        server.send_signal(signal.SIGHUP)
        server.log.wait(re.compile(line))

    def is_refused(self, server):
        wire = self.wire(server)
        self.asked.append(wire)
        wire.read_info()
        wire.send("CONNECT {\"verbose\":false}\r\nPING\r\n")
        return wire.read_line() != b"PONG"

    def test_cids_are_unique_and_grow(self):
        server = self.start()
        cids = [self.wire(server).read_info()["client_id"] for _ in range(100)]
        self.assertEqual(sorted(set(cids)), cids)


class ExhaustionTest(ServerCase):
    LIMIT = 100

    def test_out_of_descriptors(self):
        """Goal: without descriptors the server stays up, tells why, and recovers.
        Method: connect until the server cannot accept; then close all and connect again.
        """
        server = self.start(nofile=self.LIMIT)
        receiver, sender = self.client(server), self.client(server)
        receiver.send("SUB healthy 1\r\n")
        receiver.expect_quiet()
        served, waiting = [], []
        for _ in range(self.LIMIT + 20):
            wire = self.wire(server, deadline_s=1.0)
            try:
                if not waiting:
                    wire.read_info()
                    served.append(wire)
                    continue
            except (WireError, ConnectionError):
                pass
            waiting.append(wire)
        self.assertTrue(served)
        self.assertTrue(waiting, "the limit was never reached")
        server.log.wait(r"\[ERR\] .*(?i:accept)")
        sender.send("PUB healthy 2\r\nok\r\n")
        sender.expect_quiet()
        receiver.expect_message("healthy", 1, b"ok")
        self.assertLess(len(server.log.lines()), 200, "the log is flooded")
        for wire in served + waiting:
            wire.close()
        new = Wire(server.port)
        self.addCleanup(new.close)
        new.open()
        self.check_serves(server)


if __name__ == "__main__":
    case.main()

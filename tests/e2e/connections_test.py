#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many connections, and more connections than descriptors."""

import resource

from support import case
from support.case import ServerCase, open_files
from support.wire import Wire, WireError

MANY = 2000


class ConnectionsTest(ServerCase):
    def setUp(self):
        # The server inherits the limit as well.
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        if hard < MANY + 200:
            self.skipTest(f"RLIMIT_NOFILE is {hard}, {MANY + 200} are needed")

    def test_many_connections(self):
        server = self.start()
        publisher = self.client(server)
        files = open_files(server.pid)
        wires = []
        for index in range(MANY):
            wire = self.wire(server)
            wire.send(f'CONNECT {{"verbose":false}}\r\nSUB all 1\r\nSUB one.{index} 2\r\nPING\r\n')
            wires.append(wire)
        for wire in wires:
            wire.read_info()
            wire.expect("PONG\r\n")
        publisher.send("PUB all 3\r\nabc\r\n")
        publisher.send("".join(f"PUB one.{index} 1\r\nx\r\n" for index in range(MANY)))
        publisher.expect_quiet()
        for index, wire in enumerate(wires):
            wire.expect_message("all", 1, b"abc")
            wire.expect_message(f"one.{index}", 2, b"x")
            wire.expect_quiet()
        for wire in wires:
            wire.close()
        self.wait_for(lambda: open_files(server.pid) <= files, "descriptors are given back")
        self.check_serves(server)

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

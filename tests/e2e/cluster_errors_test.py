#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a server says to wrong input on its route port, and that nobody else notices."""

import random
import re
import time

from support import cluster
from support.route_peer import PeerCase

SEED = random.SystemRandom().randrange(1 << 32)


class ErrorCase(PeerCase):
    def check_refused(self, peer, error=None):
        """The server closes the connection, after this error and nothing else."""
        said = [op.line for op in peer.read_until_end() if op.verb == "-ERR"]
        self.assertEqual(said, [f"-ERR '{error}'"] if error else [])

    def check_undisturbed(self, server, other):
        """Another route works on."""
        other.drain()
        self.check_routed(server, other)


class StrangerTest(ErrorCase):
    """Those that are no route peers."""

    def setUp(self):
        self.server = self.member()
        self.other = self.peer(self.server)

    def tearDown(self):
        self.check_undisturbed(self.server, self.other)
        self.assertEqual(self.server.get("/varz")["remotes"], 1)

    def test_a_client(self):
        stranger = self.dialed(self.server)
        stranger.send('CONNECT {"verbose":false,"pedantic":false,"lang":"go","version":"1"}\r\nPING\r\n')
        self.check_refused(stranger, "attempted to connect to route port")
        self.server.log.wait("attempted to connect to route port")

    def test_a_gateway(self):
        stranger = self.dialed(self.server)
        stranger.send_connect(gateway="GG")
        self.check_refused(stranger, 'Rejecting connection from gateway "GG" on the Route port')
        self.server.log.wait('Rejecting connection from gateway "GG" on the Route port')

    def test_a_connect_that_is_no_json(self):
        stranger = self.dialed(self.server)
        stranger.send("CONNECT {nope}\r\n")
        stranger.read_until_end()

    def test_an_info_that_is_no_json(self):
        stranger = self.dialed(self.server)
        stranger.send_connect()
        stranger.send("INFO {nope}\r\n")
        stranger.read_until_end()

    def test_a_web_browser(self):
        stranger = self.dialed(self.server)
        stranger.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertTrue(any(op.verb == "-ERR" for op in stranger.read_until_end()))

    def test_one_that_leaves_at_once(self):
        for _ in range(20):
            self.dialed(self.server).close()
            self.dialed(self.server).reset()

    def test_one_that_leaves_in_the_middle_of_a_line(self):
        for size in (1, 7, 8, 9, 30):
            stranger = self.dialed(self.server)
            stranger.send('CONNECT {"name":"x","verbose":false}\r\n'[:size])
            stranger.shutdown()
            stranger.read_until_end()

    def test_binary_garbage(self):
        print("seed", SEED, flush=True)
        numbers = random.Random(SEED)
        for _ in range(30):
            stranger = self.dialed(self.server)
            stranger.send(numbers.randbytes(numbers.randrange(1, 2000)) + b"\r\n\r\n")
            stranger.shutdown()
            stranger.read_to_end()


class RegisteredTest(ErrorCase):
    """Peers that are registered, and then say what makes no sense."""

    def setUp(self):
        self.server = self.member()
        self.other = self.peer(self.server)
        self.route = self.peer(self.server)
        self.wire = self.client(self.server)
        self.wire.send("SUB foo 1\r\n")
        self.wire.expect_quiet()
        self.route.drain()
        self.mark = len(self.server.log.lines())

    def tearDown(self):
        self.check_undisturbed(self.server, self.other)
        self.wire.expect_quiet()

    def check_error(self, said, error=None, logged=None, arguments=None):
        """Servers differ in the marks around the arguments that they log."""
        self.route.send(said)
        self.check_refused(self.route, error)
        if logged:
            pattern = re.escape(logged) + (f"'.{{0,2}}{re.escape(arguments)}\\]?'" if arguments else "")
            self.server.log.wait(pattern, after=self.mark)
        self.wait_for(lambda: self.server.get("/varz")["remotes"] == 1, "the peer is gone")

    def test_unknown_verbs(self):
        self.check_error("BOGUS x\r\n", "Unknown Protocol Operation", "Router parser ERROR, state=")

    def test_verbs_of_clients(self):
        """The Go servers take some of them and do nothing with them."""
        for said in ("PUB foo 1\r\nx\r\n", "SUB foo 1\r\n", "UNSUB 1\r\n", "HPUB foo 12 12\r\nNATS/1.0\r\n\r\n\r\n"):
            peer = self.peer(self.server)
            peer.send(said)
            peer.shutdown()
            peer.read_until_end()

    def test_messages_without_a_size(self):
        self.check_error("RMSG $G foo x\r\n", None, "processRoutedMsgArgs Bad or Missing Size: ", "$G foo x")

    def test_messages_with_a_negative_size(self):
        self.check_error("RMSG $G foo -1\r\n", None, "processRoutedMsgArgs Bad or Missing Size: ", "$G foo -1")

    def test_messages_with_too_few_fields(self):
        self.check_error("RMSG $G 5\r\n", None, "processRoutedMsgArgs Parse Error: ", "$G 5")

    def test_messages_with_a_wrong_mark(self):
        self.check_error(
            "RMSG $G foo x q 1\r\n", None, "processRoutedMsgArgs Bad or Missing Reply Indicator: 'x'"
        )

    def test_messages_with_too_many_fields(self):
        groups = " ".join(f"q{i}" for i in range(100))
        self.route.send(f"RMSG $G foo | {groups} 1\r\nx\r\n")
        self.route.drain()
        self.wire.expect_message("foo", 1, b"x")

    def test_a_payload_that_does_not_end_where_it_should(self):
        self.check_error("RMSG $G foo 1\r\nxyz\r\n", "Unknown Protocol Operation")

    def test_interest_with_too_few_fields(self):
        self.check_error("RS+ $G\r\n", None, "processRemoteSub Parse Error: ", "$G")

    def test_interest_with_a_group_and_no_weight(self):
        self.check_error("RS+ $G foo q\r\n", None, "processRemoteSub Parse Error: ", "$G foo q")

    def test_interest_with_too_many_fields(self):
        self.check_error("RS+ $G foo q 1 2\r\n", None, "processRemoteSub Parse Error: ", "$G foo q 1 2")

    def test_ends_of_interest_with_too_few_fields(self):
        self.check_error("RS- $G\r\n", None, "processRemoteUnsub parse error: ", "$G")

    def test_ends_of_interest_with_too_many_fields(self):
        self.check_error("RS- $G a b c\r\n", None, "processRemoteUnsub parse error: ", "$G a b c")

    def test_an_error_of_the_peer_ends_the_route(self):
        self.check_error("-ERR 'some trouble'\r\n", None, "some trouble")

    def test_subjects_that_are_none(self):
        self.route.send("RS+ $G foo..bar\r\n")
        said = self.route.drain()
        self.assertEqual([op.line for op in said], ["-ERR 'Invalid Subscription'"])
        self.server.log.wait("Could not insert subscription", after=self.mark)

    def test_garbage_after_registration(self):
        print("seed", SEED, flush=True)
        numbers = random.Random(SEED)
        self.route.send(b"RS+ $G \xff\xfe\x00\r\n" + numbers.randbytes(3000) + b"\r\n\r\n")
        self.route.shutdown()
        self.route.read_to_end()

    def test_a_message_that_never_ends(self):
        self.route.send("RMSG $G foo 100000\r\n" + "x" * 1000)
        self.route.shutdown()
        self.route.read_until_end()

    def test_lines_of_many_kilobytes(self):
        """Interest in a long subject: servers before 2.2 end such a line at 4 KiB."""
        if not self.server.kind.names_clusters:
            self.skipTest("RC19 closes the connection")
        subject = ".".join(["x" * 100] * 300)
        self.route.send(f"RS+ $G {subject}\r\n")
        self.route.drain()


class StaleTest(ErrorCase):
    def test_a_peer_that_answers_no_ping(self):
        server = self.member(settings="ping_interval: 1\nping_max: 1\n")
        other, route = self.peer(server), self.peer(server)
        route.drain()
        # Reads on, but leaves PINGs unanswered.
        content = bytearray()
        while not route.ended:
            content += route.buffer
            route.buffer.clear()
            other.drain()
            route.receive(time.monotonic() + 0.2)
        content += route.buffer
        self.assertIn(b"PING\r\n", content)
        self.assertTrue(content.endswith(b"-ERR 'Stale Connection'\r\n"), content[-200:])
        self.check_undisturbed(server, other)


if __name__ == "__main__":
    cluster.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Messages across routes: one hop, replies, headers, order, size, no responders."""

from support import cluster
from support.route_peer import PeerCase

LARGE = 1 << 20
MESSAGES = 5000
NO_RESPONDERS = b"NATS/1.0 503\r\n"


class OneHopTest(PeerCase):
    def test_what_came_over_a_route_goes_to_clients_only(self):
        server = self.member()
        first, second = self.peer(server), self.peer(server)
        first.drain()
        second.send("RS+ $G foo\r\n")
        second.drain()
        wire = self.client(server)
        wire.send("SUB foo 1\r\n")
        wire.expect_quiet()
        first.drain()
        second.drain()
        first.send("RMSG $G foo 1\r\nx\r\n")
        wire.expect_message("foo", 1, b"x")
        first.expect_quiet()
        second.expect_quiet()

    def test_the_sender_of_a_message_does_not_get_it_back(self):
        server = self.member()
        route = self.peer(server)
        route.send("RS+ $G foo\r\nRMSG $G foo 1\r\nx\r\n")
        route.expect_quiet()

    def test_interest_of_routes_is_not_told_to_routes(self):
        server = self.member()
        first, second = self.peer(server), self.peer(server)
        # The INFO about the second route may follow its registration in a later turn.
        while not any(op.verb == "INFO" and op.json["server_id"] == second.server_id for op in first.drain()):
            pass
        second.send("RS+ $G foo\r\nRS+ $G foo q 1\r\n")
        second.drain()
        first.expect_quiet()

    def test_three_servers_deliver_once(self):
        servers = self.cluster(3)
        wires = [self.client(server) for server in servers]
        for wire in wires:
            wire.send("SUB foo 1\r\nSUB * 2\r\n")
        for wire in wires:
            self.sync(wire, *(other for other in wires if other is not wire))
        wires[0].send("PUB foo 1\r\nx\r\n")
        for wire in wires:
            lines = sorted((wire.read_line(), wire.read(3)) for _ in range(2))
            self.assertEqual(lines, [(b"MSG foo 1 1", b"x\r\n"), (b"MSG foo 2 1", b"x\r\n")])
        for wire in wires:
            wire.expect_quiet()


class PairCase(PeerCase):
    """A publisher on the first server, a subscriber on the second."""

    def setUp(self):
        self.servers = self.cluster()
        self.publisher = self.client(self.servers[0], headers=True, no_responders=True)
        self.subscriber = self.client(self.servers[1], headers=True, no_responders=True)

    def subscribe(self, text):
        self.subscriber.send(text)
        self.sync(self.subscriber, self.publisher)


class AcrossTest(PairCase):
    def test_request_and_reply(self):
        self.subscribe("SUB help 1\r\n")
        for number in range(20):
            inbox = f"_INBOX.{number}"
            self.publisher.send(f"SUB {inbox} {number}\r\nUNSUB {number} 1\r\nPUB help {inbox} 2\r\nhi\r\n")
            self.subscriber.expect_message("help", 1, b"hi", reply=inbox)
            self.subscriber.send(f"PUB {inbox} 5\r\nthere\r\n")
            self.publisher.expect_message(inbox, number, b"there")
        self.publisher.expect_quiet()

    def test_a_reply_that_looks_like_a_mark(self):
        for mark in ("+", "|"):
            with self.subTest(mark):
                self.subscribe("SUB help 1\r\nSUB help q 2\r\n")
                self.publisher.send(f"PUB help {mark} 2\r\nhi\r\n")
                got = sorted((self.subscriber.read_line(), self.subscriber.read(4)) for _ in range(2))
                self.assertEqual(
                    [line for line, _ in got],
                    [f"MSG help 1 {mark} 2".encode(), f"MSG help 2 {mark} 2".encode()],
                )
                self.subscriber.expect_quiet()

    def test_order_of_a_publisher(self):
        self.subscribe("SUB o.* 1\r\nSUB o.> q 2\r\n")
        self.publisher.send("".join(f"PUB o.{n % 7} {len(str(n))}\r\n{n}\r\n" for n in range(MESSAGES)))
        plain, group = [], []
        for _ in range(2 * MESSAGES):
            fields = self.subscriber.read_line().split()
            (plain if fields[2] == b"1" else group).append(int(self.subscriber.read(int(fields[-1]) + 2)))
        self.assertEqual(plain, list(range(MESSAGES)))
        self.assertEqual(group, list(range(MESSAGES)))

    def test_payloads_of_many_sizes(self):
        self.subscribe("SUB big 1\r\n")
        for size in (0, 1, 100, 4095, 4096, 65535, 65536, 300_000, LARGE):
            payload = bytes(range(256)) * (size // 256 + 1)
            self.publisher.send(f"PUB big {size}\r\n".encode() + payload[:size] + b"\r\n")
            self.subscriber.expect_message("big", 1, payload[:size])

    def test_many_large_ones(self):
        self.subscribe("SUB big 1\r\n")
        for _ in range(20):
            self.publisher.send(f"PUB big {LARGE}\r\n".encode() + b"x" * LARGE + b"\r\n")
            self.subscriber.expect_message("big", 1, b"x" * LARGE)

    def test_many_tokens(self):
        subject = ".".join(["token"] * 100)
        self.subscribe("SUB token.> 1\r\n")
        self.publisher.send(f"PUB {subject} 1\r\nx\r\n")
        self.subscriber.expect_message(subject, 1, b"x")

    def test_a_limit_ends_across(self):
        self.subscribe("SUB foo 1\r\nUNSUB 1 3\r\n")
        self.publisher.send("PUB foo 1\r\nx\r\n" * 5)
        self.publisher.expect_quiet()
        for _ in range(3):
            self.subscriber.expect_message("foo", 1, b"x")
        self.sync(self.subscriber, self.publisher)
        self.publisher.send("PUB foo 1\r\nx\r\n")
        self.publisher.expect_quiet()
        self.subscriber.expect_quiet()

    def test_a_client_that_does_not_want_its_own_gets_it_from_nowhere(self):
        wire = self.client(self.servers[0], echo=False)
        wire.send("SUB foo 1\r\n")
        self.sync_other_way(wire)
        self.subscribe("SUB foo 1\r\n")
        wire.send("PUB foo 1\r\nx\r\n")
        self.subscriber.expect_message("foo", 1, b"x")
        wire.expect_quiet()

    def sync_other_way(self, wire):
        self.sync(wire, self.subscriber)


class HeaderTest(PairCase):
    BLOCK = "NATS/1.0\r\nKey: v\r\n\r\n"

    def setUp(self):
        super().setUp()
        if not self.servers[0].kind.names_clusters:
            self.skipTest("the publisher's server knows no headers")

    def test_headers_go_along_or_are_stripped(self):
        self.subscribe("SUB foo 1\r\n")
        size = len(self.BLOCK)
        self.publisher.send(f"HPUB foo {size} {size + 2}\r\n{self.BLOCK}ok\r\n")
        self.publisher.send(f"HPUB foo re.ply {size} {size}\r\n{self.BLOCK}\r\n")
        if self.servers[1].kind.names_clusters:
            self.subscriber.expect(f"HMSG foo 1 {size} {size + 2}\r\n{self.BLOCK}ok\r\n")
            self.subscriber.expect(f"HMSG foo 1 re.ply {size} {size}\r\n{self.BLOCK}\r\n")
        else:
            self.subscriber.expect("MSG foo 1 2\r\nok\r\nMSG foo 1 re.ply 0\r\n\r\n")

    def test_a_client_without_headers_gets_the_payload(self):
        wire = self.client(self.servers[1], headers=False)
        wire.send("SUB foo 1\r\n")
        self.sync(wire, self.publisher)
        size = len(self.BLOCK)
        self.publisher.send(f"HPUB foo {size} {size + 2}\r\n{self.BLOCK}ok\r\n")
        wire.expect_message("foo", 1, b"ok")

    def test_no_responders(self):
        """Where nobody anywhere would answer, the server of the requestor says so at once."""
        self.publisher.send("SUB _INBOX.* 1\r\nPUB nobody _INBOX.1 0\r\n\r\n")
        self.expect_no_responders("_INBOX.1")
        self.subscribe("SUB nobody 1\r\n")
        self.publisher.send("PUB nobody _INBOX.2 0\r\n\r\n")
        self.subscriber.expect_message("nobody", 1, b"", reply="_INBOX.2")
        self.publisher.expect_quiet()
        self.subscriber.send("UNSUB 1\r\n")
        self.sync(self.subscriber, self.publisher)
        self.publisher.send("PUB nobody _INBOX.3 0\r\n\r\n")
        self.expect_no_responders("_INBOX.3")

    def expect_no_responders(self, inbox):
        head = self.publisher.read_line().decode().split()
        self.assertEqual(head[:3], ["HMSG", inbox, "1"])
        block = self.publisher.read(int(head[-1]) + 2)
        self.assertTrue(block.startswith(NO_RESPONDERS), block)  # the newest adds the subject

    def test_groups_elsewhere_are_responders(self):
        self.subscribe("SUB work q 1\r\n")
        self.publisher.send("SUB _INBOX.* 1\r\nPUB work _INBOX.1 0\r\n\r\n")
        self.subscriber.expect_message("work", 1, b"", reply="_INBOX.1")
        self.publisher.expect_quiet()


class ScriptedHeaderTest(PeerCase):
    BLOCK = HeaderTest.BLOCK

    def setUp(self):
        self.server = self.member()
        if not self.server.kind.names_clusters:
            self.skipTest("knows no headers")
        self.wire = self.client(self.server, headers=True, no_responders=True)

    def publish(self, route, interest, reply=""):
        route.send(interest)
        route.drain()
        size = len(self.BLOCK)
        self.wire.send(f"HPUB foo {reply} {size} {size + 2}\r\n{self.BLOCK}ok\r\n")

    def test_four_forms_are_sent(self):
        body = (self.BLOCK + "ok").encode()
        size = len(self.BLOCK)
        for interest, reply, line in (
            ("RS+ $G foo\r\n", "", f"HMSG $G foo {size} {size + 2}"),
            ("RS+ $G foo\r\n", "re.ply", f"HMSG $G foo re.ply {size} {size + 2}"),
            ("RS- $G foo\r\nRS+ $G foo q 1\r\n", "re.ply", f"HMSG $G foo + re.ply q {size} {size + 2}"),
            ("RS+ $G foo q 1\r\n", "", f"HMSG $G foo | q {size} {size + 2}"),
        ):
            with self.subTest(line):
                route = self.peer(self.server)
                if "RS-" in interest:
                    interest = interest.partition("\r\n")[2]
                self.publish(route, interest, reply)
                route.expect_op(line, body)
                route.close()
                self.wait_for(lambda: self.server.get("/routez")["num_routes"] == 0, "the route is gone")

    def test_a_peer_without_headers_gets_the_payload(self):
        route = self.peer(self.server, headers=None)
        self.publish(route, "RS+ $G foo\r\n")
        route.expect_op("RMSG $G foo 2", b"ok")
        self.wire.send(f"HPUB foo re.ply {len(self.BLOCK)} {len(self.BLOCK)}\r\n{self.BLOCK}\r\n")
        route.expect_op("RMSG $G foo re.ply 0", b"")

    def test_four_forms_are_taken(self):
        self.wire.send("SUB foo 1\r\n")
        self.wire.expect_quiet()
        route = self.peer(self.server)
        size = len(self.BLOCK)
        sizes = f"{size} {size + 2}"
        for fields, reply in (("", ""), ("re.ply ", " re.ply"), ("+ re.ply q1 q2 ", " re.ply"), ("| q1 ", "")):
            route.send(f"HMSG $G foo {fields}{sizes}\r\n{self.BLOCK}ok\r\n")
            self.wire.expect(f"HMSG foo 1{reply} {sizes}\r\n{self.BLOCK}ok\r\n")

    def test_wrong_sizes_end_the_route(self):
        for fields in ("foo 30 20", "foo x 20", "foo 20"):
            route = self.peer(self.server)
            route.send(f"HMSG $G {fields}\r\n{self.BLOCK}ok\r\n")
            route.read_until_end()


if __name__ == "__main__":
    cluster.main()

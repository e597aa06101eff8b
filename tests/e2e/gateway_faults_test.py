#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Gateways that are cut, come late, stall, flood or lie: nothing is lost between healthy clusters, nobody else
notices, interest is exact afterwards."""

import json
import select
import threading
import time

from support import super_cluster
from support.case import differs, resident_bytes
from support.cluster import HeldPort
from support.gateway_peer import GatewayPeerCase
from support.super_cluster import SuperClusterCase
from support.switchboard import Switchboard

FLAPS = 8
FLOOD = 20000


class RestartTest(SuperClusterCase):
    def check_both_ways(self, a, b):
        for here, there, subject in ((a, b, "to.b"), (b, a, "to.a")):
            there.send(f"SUB {subject} 7\r\n")
            self.sync(there, here)
            here.send(f"PUB {subject} 2\r\nhi\r\n")
            there.expect_message(subject, 7, b"hi")
            there.send("UNSUB 7\r\n")
            there.expect_quiet()

    def test_a_cluster_that_was_restarted(self):
        clusters = self.super_cluster(1, 1)
        a, b = clusters[0][0], clusters[1][0]
        wire = self.client(a)
        wire.send("SUB keep 1\r\n")
        wire.expect_quiet()
        lines = len(a.log.lines())
        b.restart()
        a.wait_outbound("B", after=lines)
        b.wait_outbound("A")
        other = self.client(b)
        self.sync(wire, other)
        other.send("PUB keep 2\r\nhi\r\n")
        wire.expect_message("keep", 1, b"hi")
        self.check_both_ways(wire, other)

    def test_a_cluster_that_comes_late(self):
        """Both dial for as long as it takes."""
        a = self.gateway_member(0)
        late = self.gateway_member(1, start=False, gateways=[("A", [a.gateway_url])])
        first = self.gateway_member(2, gateways=[("A", [a.gateway_url]), ("B", [late.gateway_url])])
        first.wait_outbound("A")
        a.wait_outbound("C")  # it was dialed, so it dials
        first.log.wait('Error connecting to explicit gateway "B"')
        late.start()
        for server, names in ((a, "BC"), (late, "AC"), (first, "AB")):
            for name in names:
                server.wait_outbound(name)
        self.check_both_ways(self.client(a), self.client(late))
        self.check_both_ways(self.client(late), self.client(first))

    def test_a_member_that_moves_to_another_server(self):
        """The server that a gateway led to is gone; another one of its cluster takes its place."""
        clusters = self.super_cluster(1, 2)
        a = clusters[0][0]
        lines = len(a.log.lines())
        for member in clusters[1]:
            member.stop()
            other = [each for each in clusters[1] if each is not member][0]
            self.wait_for(
                lambda: a.get("/gatewayz")["outbound_gateways"].get("B", {}).get("connection", {}).get("name")
                == other.id,
                f"the gateway leads to {other.name}",
            )
            self.check_both_ways(self.client(a), self.client(other))
            member.start()
            clusters[1].wait_mesh()
            member.wait_outbound("A")
        self.assertGreater(len(a.log.lines()), lines)

    def test_a_member_that_moves_to_another_address(self):
        """The others of its cluster report where it is now; it is found there when they are gone."""
        clusters = self.super_cluster(1, 2, know=lambda number: [1 - number])
        a, (moves, stays) = clusters[0][0], clusters[1]
        moves.stop()
        self.check_leads_to(a, stays)
        held = HeldPort()
        self.addCleanup(held.release)
        moves.gateway_port = held.number
        moves.start()
        clusters[1].wait_mesh()
        moves.wait_outbound("A")
        stays.stop()
        self.check_leads_to(a, moves)
        self.check_both_ways(self.client(a), self.client(moves))

    def check_leads_to(self, server, other):
        def leads():
            found = server.get("/gatewayz")["outbound_gateways"].get(other.cluster_name, {})
            return found.get("connection", {}).get("name") in (other.id, other.name)

        self.wait_for(leads, f"the gateway of {server.name} leads to {other.name}")

    def test_clusters_that_join_late(self):
        """Two at once, of which each knows one of those that are there."""
        clusters = self.super_cluster(1, 1)
        a, b = clusters.members
        late = [
            self.gateway_member(number, gateways=[(known.cluster_name, [known.gateway_url])])
            for number, known in ((2, a), (3, b))
        ]
        servers = [a, b, *late]
        for server in servers:
            for other in servers:
                if other is not server:
                    server.wait_outbound(other.cluster_name)
        wires = [self.client(server) for server in servers]
        for wire in wires:
            wire.send("SUB all 1\r\n")
        for wire in wires:
            self.sync(wire, *(other for other in wires if other is not wire))
        for number, publisher in enumerate(wires):
            publisher.send(f"PUB all 1\r\n{number}\r\n")
            for wire in wires:
                wire.expect_message("all", 1, str(number).encode())
        for wire in wires:
            wire.expect_quiet()


class FlappingTest(SuperClusterCase):
    """Connections that break again and again."""

    def setUp(self):
        self.board = Switchboard().start()
        self.addCleanup(self.board.close)
        self.members = [self.gateway_member(number, start=False) for number in (0, 1)]
        ports = [self.board.listen(member.name, member.gateway_port) for member in self.members]
        for member, port in zip(self.members, ports):
            self.board.add(member.name, member)
            member.gateway_settings = f'  advertise: "127.0.0.1:{port}"'
            member.gateways = [
                (other.cluster_name, [f"nats://127.0.0.1:{its}"])
                for other, its in zip(self.members, ports)
                if other is not member
            ]
            member.start()
        self.pair = [member.name for member in self.members]
        for member, other in zip(self.members, reversed(self.members)):
            member.wait_outbound(other.cluster_name)

    def outbound_cid(self, server, cluster):
        return server.get("/gatewayz")["outbound_gateways"].get(cluster, {}).get("connection", {}).get("cid")

    def check_known(self, server, cluster, wanted):
        """Waits until that server knows the cluster to want just these patterns. Servers before 2.10 say only
        how many they are."""

        def is_exact():
            gateway = server.get("/gatewayz?acc_name=$G&subs=1")["outbound_gateways"].get(cluster, {})
            for account in gateway.get("accounts", []):
                listed = account.get("subscriptions_list")
                return account.get("num_subs") == len(wanted) if listed is None else set(listed) == wanted
            return False

        self.wait_for(is_exact, f"{server.name} knows what {cluster} wants")

    def test_cut_again_and_again(self):
        """What arrives comes once and in order, whatever was cut; when it is over nothing is lost, and what is
        wanted is known exactly, though it has changed all the time."""
        near, far = self.members
        publisher, subscriber = self.client(near), self.client(far)
        subscriber.send("SUB numbers 1\r\n")
        self.sync(subscriber, publisher)
        number, seen = 0, []
        for turn in range(FLAPS):
            for _ in range(20):
                publisher.send(f"PUB numbers {len(str(number))}\r\n{number}\r\n")
                number += 1
            subscriber.send(f"SUB kept.{turn} {100 + turn}\r\nSUB lost.{turn} {200 + turn}\r\n")
            if turn > 0:
                subscriber.send(f"UNSUB {200 + turn - 1}\r\n")
            self.read_numbers(subscriber, seen)
            self.wait_for(lambda: self.board.count(self.pair) > 0, "a connection")
            if turn == FLAPS - 1:
                self.wait_for(lambda: self.board.count(self.pair) == 2, "the gateways of both")
                self.wait_for(lambda: self.outbound_cid(near, "B"), "a gateway that can be told from the next one")
                last = self.outbound_cid(near, "B")
            self.board.reset(self.pair)
        # Until the cut is noticed, messages still go where nobody reads them.
        self.wait_for(lambda: self.outbound_cid(near, "B") not in (None, last), "another gateway")
        wanted = {"numbers", f"lost.{FLAPS - 1}", *(f"kept.{turn}" for turn in range(FLAPS))}
        self.check_known(near, "B", wanted)
        first = number
        for _ in range(1000):
            publisher.send(f"PUB numbers {len(str(number))}\r\n{number}\r\n")
            number += 1
        publisher.send("PUB numbers 3\r\nend\r\n")
        self.wait_for(lambda: self.read_numbers(subscriber, seen) or seen[-1:] == ["end"], "the last message")
        seen.pop()
        self.assertEqual(seen, sorted(set(seen)))
        self.assertEqual(seen[-1000:], list(range(first, number)))

    def read_numbers(self, wire, seen):
        wire.send("PING\r\n")
        while (line := wire.read_line()) != b"PONG":
            text = wire.read(int(line.split()[-1]) + 2)[:-2].decode()
            seen.append(text if text == "end" else int(text))

    def test_half_open(self):
        """Nothing passes, and nobody says so: the connections are found stale, and made anew when something does."""
        near, far = self.members
        for member in self.members:
            if member.kind.is_go:
                member.settings = 'ping_interval: "500ms"\nping_max: 1\n'
            else:
                member.gateway_settings += '\n  ping_interval: "500ms"\n  ping_max: 1'
            member.restart()
        for member, other in zip(self.members, reversed(self.members)):
            member.wait_outbound(other.cluster_name)
        lines = [len(member.log.lines()) for member in self.members]
        self.board.hold(self.pair, self.pair)
        for member, after in zip(self.members, lines):
            member.log.wait("Gateway connection closed: Stale Connection", after=after)
        self.board.hold(self.pair)
        publisher, subscriber = self.client(near), self.client(far)
        subscriber.send("SUB foo 1\r\n")
        self.sync(subscriber, publisher)
        publisher.send("PUB foo 1\r\nx\r\n")
        subscriber.expect_message("foo", 1, b"x")
        subscriber.expect_quiet()


class IsolationTest(GatewayPeerCase):
    @differs("2.9.10", "publishers wait for the cluster that takes nothing")
    def test_a_cluster_that_takes_nothing(self):
        """It is a slow consumer; the others get everything, and no memory is kept for it."""
        listener, good = self.listener(), self.listener("Y")
        server = self.gateway_server(listener, good, settings="max_pending: 1MB\n")
        stalled, healthy = self.accepted(listener), self.accepted(good)
        for peer in (stalled, healthy):
            peer.send_interest_only("load")
            peer.expect_quiet()
        near, publisher = self.client(server), self.client(server)
        near.send("SUB load 1\r\n")
        near.expect_quiet()
        payload = b"x" * 16384
        for _ in range(40):
            publisher.send(b"".join(b"PUB load %d\r\n%b\r\n" % (len(payload), payload) for _ in range(32)))
            publisher.expect_quiet()
            for _ in range(32):
                near.expect_message("load", 1, payload)
                op = healthy.read_op()
                self.assertEqual((op.verb, len(op.payload)), ("RMSG", len(payload)))
        server.log.wait("Slow Consumer")
        if not server.kind.is_go:
            stats = server.get("/varz")["slow_consumer_stats"]
            self.assertEqual(stats, {"clients": 0, "routes": 0, "gateways": 1, "leafs": 0})
        self.accepted(listener)  # it is dialed again
        self.check_serves(server)


    def test_a_cluster_that_takes_nothing_for_too_long(self):
        if self.cluster_kinds(0)[0].is_go:
            self.skipTest("2.9.10 does not know the key; newer ones wait on while anything is taken")
        listener = self.listener()
        server = self.gateway_server(
            listener,
            settings='write_deadline: "60s"\nmax_pending: 256MB\n',
            gateway_settings='  write_deadline: "300ms"',
        )
        peer = self.accepted(listener)
        peer.send_interest_only("load")
        peer.expect_quiet()
        publisher = self.client(server)
        payload = b"x" * 1048576
        for _ in range(32):
            publisher.send(b"PUB load %d\r\n%b\r\n" % (len(payload), payload))
        server.log.wait("Slow Consumer Detected: WriteDeadline of 300ms exceeded")
        publisher.expect_quiet()


# A turn of a server may queue so much for a peer that reads nothing.
PENDING = 4096
NARROW = f"max_payload: 1024\nmax_pending: {PENDING}\n"
PONGS_THAT_FIT = PENDING // len("PONG\r\n")


class PendingTest(GatewayPeerCase):
    """What a server has to say is too much, by the answers to the PINGs just before: the peer is left alone."""

    def setUp(self):
        super().setUp()
        if any(kind.is_go for kind in self.all_kinds()):
            self.skipTest("the reference writes while it reads")

    def test_of_a_server_that_was_dialed(self):
        listener = self.listener()
        server = self.gateway_server(listener, settings=NARROW)
        peer = listener.accept()
        self.addCleanup(peer.close)
        peer.send("PING\r\n" * PONGS_THAT_FIT + f"INFO {json.dumps(peer.info)}\r\n")
        peer.read_until_end()
        self.accepted(listener)  # it is dialed again
        self.check_serves(server)

    def test_of_a_server_that_refuses_too_many_subjects(self):
        server = self.gateway_server(settings=NARROW)
        wanted = self.client(server)
        wanted.send("".join(f"SUB wanted.{number} {number}\r\n" for number in range(3000)))
        wanted.expect_quiet()
        peer = self.inbound(server, old=True)
        for first in range(0, 1000, 50):
            peer.send("".join(f"RMSG $G unwanted.{number} 0\r\n\r\n" for number in range(first, first + 50)))
            peer.drain()
        peer.send("PING\r\n" * PONGS_THAT_FIT + "RMSG $G unwanted.last 0\r\n\r\n")
        peer.read_until_end()
        self.check_serves(server)


class FloodTest(GatewayPeerCase):
    def test_interest_that_is_withdrawn_while_all_of_it_goes(self):
        """It is not counted any more, so nobody counts it once more."""
        listener = self.listener()
        server = self.gateway_server(listener)
        peer = self.accepted(listener)
        peer.send_interest_only(*(f"kept.{number}" for number in range(FLOOD)))
        peer.expect_quiet()

        def command(number):
            return "INFO " + json.dumps({**peer.info, "gateway_cmd": number, "gateway_cmd_payload": "JEc="}) + "\r\n"

        withdrawn = "".join(f"RS- $G kept.{number}\r\n" for number in range(FLOOD))
        peer.send("A- $G\r\n" + command(2) + command(3) + withdrawn + "RS+ $G new\r\n")
        peer.expect_quiet()
        accounts = server.get("/gatewayz?accs=1&acc_name=$G")["outbound_gateways"]["X"]["accounts"]
        self.assertEqual([each["num_subs"] for each in accounts], [1])

    def test_floods_of_interest_are_bounded(self):
        listener = self.listener()
        server = self.gateway_server(listener)
        peer = self.accepted(listener, old=True)
        before = resident_bytes(server.pid)
        for verb in ("RS-", "A-"):
            for start in range(0, FLOOD * 4, 10000):
                if verb == "RS-":
                    peer.send("".join(f"RS- $G s.{i}\r\n" for i in range(start, start + 10000)))
                else:
                    peer.send("".join(f"A- acc{i}\r\n" for i in range(start, start + 10000)))
            peer.expect_quiet()
        self.assertLess(resident_bytes(server.pid) - before, 64 << 20)
        wire = self.client(server)
        wire.send(f"PUB s.1 1\r\nx\r\nPUB other 1\r\ny\r\n")
        peer.expect_op("RMSG $G other 1", b"y")

    def test_a_flood_of_interest_holds_up_nobody(self):
        """It is read in slices; the turns between them are for all."""
        listener = self.listener()
        server = self.gateway_server(listener)
        peer = self.accepted(listener)
        peer.send_interest_only()
        clients = [self.client(server) for _ in range(6)]  # some stand on the gateway's worker
        lines = "".join(f"RS+ $G s.{i}\r\n" for i in range(FLOOD * 5))
        flood = threading.Thread(target=lambda: (peer.send(lines), peer.expect_quiet()))
        flood.start()
        answers = 0
        while flood.is_alive():
            for client in clients:
                client.expect_quiet()
            answers += 1
        flood.join()
        self.assertGreater(answers, 2)
        clients[0].send("PUB s.7 1\r\nx\r\n")
        peer.expect_op("RMSG $G s.7 1", b"x")

    def optimistic_peer(self):
        """A far cluster of the old kind, whose server here has one worker."""
        listener = self.listener()
        args = [] if self.cluster_kinds(0)[0].is_go else ["--workers", "1"]
        server = self.gateway_member(0, 0, *args, gateways=[(listener.gateway, [listener.url])])
        return server, self.accepted(listener, gateway_iom=None)

    def check_others_come_first(self, client, peer, lines):
        """What a peer asks for takes time, and others are served meanwhile. A client that the machine keeps
        waiting may come too late to see that: one time of several is enough."""
        if self.cluster_kinds(0)[0].is_go:
            self.skipTest("the reference reads with a thread for each connection")
        was_first = False
        for _ in range(10):
            peer.send("".join(lines) + "PING\r\n")
            # The first of them have been taken when this is answered.
            for _ in range(2):
                client.expect_quiet()
            was_first = was_first or not select.select([peer.socket], [], [], 0)[0]
            while peer.read_op().verb != "PONG":
                pass
        self.assertTrue(was_first)

    def test_patterns_against_many_refused_subjects(self):
        server, peer = self.optimistic_peer()
        client = self.client(server)
        for start in range(0, 60000, 10000):
            peer.send("".join(f"RS- $G s.{i}\r\n" for i in range(start, start + 10000)))
            peer.drain()
        self.check_others_come_first(client, peer, [f"RS+ $G none.{i}.*\r\n" for i in range(60)])

    def test_refusals_of_an_account_with_much_interest(self):
        server, peer = self.optimistic_peer()
        client = self.client(server)
        for start in range(0, 40000, 10000):
            peer.send("".join(f"RS+ $G q.{i} g 1\r\n" for i in range(start, start + 10000)))
            peer.drain()
        command = f'INFO {{"gateway":"{peer.gateway}","gateway_cmd":2,"gateway_cmd_payload":"JEc="}}\r\n'
        self.check_others_come_first(client, peer, [f"{command}RS+ $G one\r\nA- $G\r\n"] * 60)

    def test_pongs_that_nobody_asked_for(self):
        server, peer = self.optimistic_peer()
        client = self.client(server)
        peer.send("PONG\r\n" * 100000)
        client.expect_quiet()
        peer.drain()
        self.check_serves(server)

    def test_floods_of_messages_for_accounts_that_do_not_exist(self):
        server = self.gateway_server()
        peer = self.inbound(server, old=True)
        before = resident_bytes(server.pid)
        for start in range(0, FLOOD * 5, 10000):
            peer.send("".join(f"RMSG acc{i} foo 1\r\nx\r\n" for i in range(start, start + 10000)))
            peer.drain()
        self.assertLess(resident_bytes(server.pid) - before, 64 << 20)
        self.check_serves(server)

    def test_floods_of_gossip_are_bounded(self):
        listener = self.listener()
        server = self.gateway_server(listener)
        peer = self.accepted(listener)
        for start in range(0, 3000, 100):
            for i in range(start, start + 100):
                peer.send_info(gateway=f"C{i}", gateway_cmd=1, gateway_urls=["127.0.0.1:1"])
            peer.drain()
        self.check_serves(server)

    def test_strangers_are_bounded(self):
        server = self.gateway_server()
        peers = [self.dialed(server) for _ in range(300)]
        for peer in peers[-10:]:
            peer.read_op()
        self.inbound(server)
        self.check_serves(server)

    def test_lines_that_make_no_sense(self):
        listener = self.listener()
        server = self.gateway_server(listener)
        for lines in ("RS+ $G\r\n", "RS+ $G foo q\r\n", "RS- \r\n", "INFO {\r\n", 'INFO {"gateway":7}\r\n', "LS+ x\r\n",
                      "FOO\r\n", "\0\0\0\r\n", "RS+ " + "x" * 2000000):  # fmt: skip
            peer = self.accepted(listener)
            peer.send(lines)
            peer.read_until_end()
        peer = self.accepted(listener)
        peer.send_info(gateway_cmd=2, gateway_cmd_payload="!!!")
        peer.read_until_end()
        for lines in ("RMSG $G foo\r\n", "RMSG $G foo x\r\n", "RMSG $G foo 999999999999\r\n",
                      "HMSG $G foo 9 1\r\nx\r\n", "RMSG $G foo 1\r\nxyz\r\n", "INFO []\r\n"):  # fmt: skip
            peer = self.inbound(server, port=listener.port)
            peer.send(lines)
            peer.read_until_end()
        self.check_serves(server)

    def test_a_peer_that_says_nothing_more(self):
        """Half open: PINGs find out."""
        listener = self.listener()
        server = self.gateway_server(listener, settings='ping_interval: "1s"\nping_max: 1\n')
        peer = self.accepted(listener)
        start = time.monotonic()
        peer.socket.settimeout(20)
        # PINGs are answered by read_op(), so the bytes are read as they come.
        while peer.socket.recv(4096):
            self.assertLess(time.monotonic() - start, 20)
        server.log.wait("Gateway connection closed: Stale Connection")


if __name__ == "__main__":
    super_cluster.main()

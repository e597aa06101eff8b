#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What one peer may not do to others, and what must work across servers: floods of INFO, strangers, a lost member;
answers, questions and limits over a cluster; JetStream of other members."""

import json
import re
import signal
import threading
import time

from support import cluster
from support.case import Options, differs
from support.cluster import Cluster, ClusterCase
from support.route_peer import PeerCase, RoutePeer
from support.wire import WireError

MANY = 20_000
STRANGERS = 300
STRANGERS_MAX = 256  # per worker; core/server_link/stranger_list.h
LINE_MAX = 16 * 1024

TWO_ACCOUNTS = """
accounts {
  SYS { users: [ { user: s, password: p } ] }
  R { users: [ { user: r, password: p } ], exports: [ { service: "svc.>", response: stream } ] }
  Q {
    users: [ { user: q, password: p } ]
    imports: [ { service: { account: R, subject: "svc.>" } } ]
    LIMITS
  }
}
system_account: SYS
"""


def memory_mb(server):
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmRSS"))


class FloodsTest(PeerCase):
    def test_a_flood_of_info_that_changes_export(self):
        """Each asks for all interest anew: they are made one, and what a peer does not read bounds the memory."""
        server = self.member()
        client = self.client(server)
        client.send("".join(f"SUB some.rather.long.subject.of.a.subscription.{i} {i}\r\n" for i in range(MANY)))
        client.expect_quiet()
        route = self.peer(server)
        self.assertEqual(len(route.dump), MANY)
        before = memory_mb(server)
        route.socket.settimeout(2)
        try:
            for i in range(500):
                route.send_info(export={"allow": [f"x{i % 2}"]})
        except OSError:
            pass  # the server has stopped reading
        client.expect_quiet()
        self.assertLess(memory_mb(server) - before, 100)

    @differs("2.9.10", "it announces only what became allowed")
    def test_interest_is_announced_again_after_a_change_of_export(self):
        server = self.member()
        client = self.client(server)
        client.send("".join(f"SUB foo.{i} {i}\r\n" for i in range(100)))
        client.expect_quiet()
        route = self.peer(server)
        route.send_info(export={"allow": [">"]})
        self.assertEqual(len(route.drain()), 100)
        route.send_info(export={"allow": [">"]})
        route.expect_quiet()


class StrangersTest(PeerCase):
    def setUp(self):
        if Options.reference:
            self.skipTest("the reference differs: it has no workers and no limit of strangers")
        self.server = self.member(
            0, "--workers", "1",
            cluster_settings="authorization { user: u, password: p, timeout: 10 }", settings="")

    def stranger(self):
        wire = RoutePeer(self.server.route_port)
        self.addCleanup(wire.close)
        return wire

    def test_a_long_line_before_the_login(self):
        wire = self.stranger()
        wire.send(b'CONNECT {"user":"' + b"x" * LINE_MAX)
        said = [op.line for op in wire.read_until_end()]
        self.assertIn("-ERR 'maximum control line exceeded'", said)

    def test_their_number_is_bounded_and_a_server_still_comes_in(self):
        strangers = [self.stranger() for _ in range(STRANGERS)]
        route = self.peer(self.server, connect={"user": "u", "pass": "p"})
        self.check_routed(self.server, route)
        self.assertGreaterEqual(sum(self.has_ended(each) for each in strangers), STRANGERS - STRANGERS_MAX)

    def has_ended(self, wire):
        wire.socket.settimeout(0.02)
        try:
            while data := wire.socket.recv(4096):
                pass
            return not data
        except TimeoutError:
            return False
        except OSError:
            return True


class LostMemberTest(ClusterCase):
    def test_its_subscriptions_go_without_a_pause(self):
        members = self.cluster(2)
        many = self.client(members[0])
        many.send("".join(f"SUB a.{i} {i}\r\n" for i in range(3 * MANY)))
        many.expect_quiet()
        here = self.client(members[1])
        self.sync(many, here)
        members[0].kill()
        slowest = 0
        for _ in range(200):
            began = time.monotonic()
            here.expect_quiet()
            slowest = max(slowest, time.monotonic() - began)
        self.assertLess(slowest, 1)
        self.wait_for(lambda: members[1].get("/varz")["routes"] == 0, "the route is gone")
        here.send("PUB a.1 0\r\n\r\n")
        here.expect_quiet()


class FrozenMemberTest(ClusterCase):
    """Its publishers offer many times max_pending while it takes nothing."""

    PUBLISHERS = 4
    CHUNKS = 20  # of each

    def test_one_that_stands_still_for_a_moment_loses_nothing(self):
        for size in (100, 20_000, 200_000):
            with self.subTest(size=size):
                self.check(size)

    def check(self, size):
        group = Cluster(self, [self.member(0, settings="max_pending: 8MB")])
        group.members.append(self.member(1, routes=[group[0].route_url]))
        group.wait_mesh()
        receiver = self.client(group[1])
        receiver.send("".join(f"SUB from.{number} {number}\r\n" for number in range(self.PUBLISHERS)))
        publishers = [self.client(group[0]) for _ in range(self.PUBLISHERS)]
        self.sync(receiver, publishers[0])
        frames = 500_000 // (size + 20) + 1

        def publish(number):
            frame = b"PUB from.%d %d\r\n%s\r\n" % (number, size, bytes(size))
            for _ in range(self.CHUNKS):
                publishers[number].send(frame * frames)

        group[1].send_signal(signal.SIGSTOP)
        threads = [threading.Thread(target=publish, args=(number,)) for number in range(self.PUBLISHERS)]
        for thread in threads:
            thread.start()
        time.sleep(1.5)
        group[1].send_signal(signal.SIGCONT)
        left = self.PUBLISHERS * self.CHUNKS * frames
        while left > 0:
            head = receiver.read_line()
            left -= 1
            self.assertTrue(head.startswith(b"MSG from."), head)
            receiver.read(size + 2)
        for thread in threads:
            thread.join()
        self.assertFalse([line for line in group[0].log.lines() if "Slow Consumer" in line])


class LargeMessagesTest(ClusterCase):
    """Many publish faster than a member reads, each message a large part of what may wait for it."""

    PUBLISHERS = 8
    MESSAGES = 40  # of each

    @differs("2.9.10", "it closes the receiver, whose max_pending is exceeded")
    def test_none_is_lost(self):
        group = Cluster(self, [self.member(0, "--workers", "1")])
        # All messages may wait for the receiver there.
        group.members.append(self.member(1, routes=[group[0].route_url], settings="max_pending: 1GB"))
        group.wait_mesh()
        receiver = self.client(group[1])
        receiver.send("SUB large 1\r\n")
        publishers = [self.client(group[0]) for _ in range(self.PUBLISHERS)]
        self.sync(receiver, publishers[0])
        frame = b"PUB large 1000000\r\n%s\r\n" % bytes(1_000_000)
        threads = [
            threading.Thread(target=lambda wire=wire: [wire.send(frame) for _ in range(self.MESSAGES)])
            for wire in publishers
        ]
        for thread in threads:
            thread.start()
        for _ in range(self.PUBLISHERS * self.MESSAGES):
            receiver.expect_message("large", 1, bytes(1_000_000))
        for thread in threads:
            thread.join()


class ServicesTest(ClusterCase):
    """The inbox of a requestor, its request and the responder, each at any server."""

    def login(self, server, user):
        return self.client(server, user=user, **{"pass": "p"})

    limits = ""

    def setUp(self):
        self.members = self.cluster(2, settings=TWO_ACCOUNTS.replace("LIMITS", self.limits))

    def check(self, responder_at, inbox_at, request_at):
        responder = self.login(self.members[responder_at], "r")
        inbox = self.login(self.members[inbox_at], "q")
        asker = self.login(self.members[request_at], "q")
        responder.send("SUB svc.x 1\r\n")
        inbox.send("SUB inbox.one 7\r\n")
        self.sync(responder, self.login(self.members[1 - responder_at], "r"))
        self.sync(inbox, asker)
        asker.send("PUB svc.x inbox.one 1\r\nq\r\n")
        reply = self.read_request(responder)
        responder.send("".join(f"PUB {reply} 1\r\n{i}\r\n" for i in range(3)))
        for i in range(3):
            inbox.expect_message("inbox.one", 7, str(i).encode())
        for wire in (responder, inbox, asker):
            wire.close()

    def read_request(self, wire):
        line = wire.read_line().decode().split()
        self.assertIn(line[0], ("MSG", "HMSG"))
        wire.read(int(line[-1]) + 2)
        return line[3]

    @differs("2.9.10", "it loses answers whose responder and inbox are at another server")
    def test_every_place(self):
        for place in [(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1), (1, 0, 0), (1, 1, 0)]:
            with self.subTest(responder_inbox_request=place):
                self.check(*place)


class AccountsTest(ServicesTest):
    test_every_place = None
    limits = "limits: { max_conn: 3 }"

    def test_users_ask_all_servers(self):
        wire, _ = (self.login(member, "q") for member in self.members)
        for subject in ("SERVER.PING.CONNZ", "ACCOUNT.PING.CONNZ", "ACCOUNT.PING.STATZ"):
            wire.send(f"SUB in.{subject} 1\r\nPUB $SYS.REQ.{subject} in.{subject} 0\r\n\r\n")
            names = set()
            while len(names) < 2:
                line = wire.read_line().decode().split()
                if line[0] != "MSG":
                    continue
                names.add(json.loads(wire.read(int(line[-1]) + 2))["server"]["name"])
            self.assertEqual(names, {"S0", "S1"})
            wire.send("UNSUB 1\r\n")

    def test_a_server_without_its_clients_tells_nothing_of_an_account(self):
        wire = self.login(self.members[0], "q")
        wire.send("SUB in 1\r\n")
        self.sync(wire, self.login(self.members[0], "q"))
        wire.send("PUB $SYS.REQ.ACCOUNT.PING.STATZ in 0\r\n\r\n")
        line = wire.read_line().decode().split()
        self.assertEqual(json.loads(wire.read(int(line[-1]) + 2))["server"]["name"], "S0")
        wire.expect_quiet()

    def test_connections_count_over_the_cluster(self):
        wires = [self.login(self.members[i], "q") for i in (0, 0, 1)]
        for member in self.members:
            self.wait_for(lambda m=member: self.is_refused(m, wires), f"a fourth is refused at {member.name}")
        wires[0].close()
        self.wait_for(lambda: self.may_come(self.members[1]), "one may come when one has gone")
        self.members[0].kill()
        self.wait_for(lambda: self.may_come(self.members[1]), "connections of a lost server do not count")

    def is_refused(self, member, wires):
        """A fourth that came before its server knew of the others may have cost one of them its place."""
        for i, home in enumerate((0, 0, 1)):
            try:
                wires[i].expect_quiet()
            except (WireError, OSError):
                wires[i].close()
                wires[i] = self.login(self.members[home], "q")
        return not self.may_come(member)

    def may_come(self, member):
        try:
            wire = self.login(member, "q")
            wire.send("PING\r\n")
            line = wire.read_line()
            wire.close()
            return line == b"PONG"
        except (WireError, OSError):
            return False


class LameDuckTest(ClusterCase):
    def test_it_names_the_others_only(self):
        duck = self.member(0, settings="lame_duck_duration: 30s\nlame_duck_grace_period: 20s")
        other = self.member(1, routes=[duck.route_url])
        Cluster(self, [duck, other]).wait_mesh()
        wire = self.client(duck, protocol=1)
        wire.expect_quiet()
        duck.process.send_signal(signal.SIGUSR2)
        while True:
            line = wire.read_line()
            if line.startswith(b"INFO ") and json.loads(line[5:]).get("ldm"):
                break
        duck.kill()
        self.assertEqual(json.loads(line[5:])["connect_urls"], [f"127.0.0.1:{other.port}"])

    def test_new_members_reach_its_clients(self):
        """A rolling upgrade starts one member while another one drains."""
        duck = self.member(0, settings="lame_duck_duration: 30s\nlame_duck_grace_period: 20s")
        if not duck.kind.names_clusters:
            self.skipTest("servers before 2.2 were not seen to do it")
        wire = self.client(duck, protocol=1)
        wire.send("SUB held 1\r\nPING\r\n")
        while wire.read_line() != b"PONG":  # 2.15 sends another INFO before
            pass
        duck.send_signal(signal.SIGUSR2)
        self.assertIs(wire.read_info().get("ldm"), True)
        other = self.member(1, routes=[duck.route_url])
        Cluster(self, [duck, other]).wait_mesh()
        publisher = self.client(other)
        self.sync(wire, publisher)
        publisher.send("PUB held 3\r\nyes\r\n")
        wire.expect_message("held", 1, b"yes")

    def test_its_links_to_other_servers_end_together(self):
        """Until its last client has gone all of them are needed: by clients, and by gateways that lead through it."""
        settings = "lame_duck_duration: 30s\nlame_duck_grace_period: 100ms"
        pool = "pool_size: 8" if self.kind().pools else ""
        duck = self.member(0, settings=settings, cluster_settings=pool)
        other = self.member(1, routes=[duck.route_url], cluster_settings=pool)
        Cluster(self, [duck, other]).wait_mesh()
        count = 9 if pool else 1  # one for the system account
        self.wait_for(lambda: len(duck.get("/routez")["routes"]) == count, "all connections of the pool")
        for _ in range(3):
            self.client(duck)
        duck.send_signal(signal.SIGUSR2)
        self.assertEqual(duck.wait_exit(30), 0)
        closed = [float(re.search(r":(\d\d\.\d+) ", line).group(1)) for line in duck.log.lines()
                  if "Router connection closed" in line]  # fmt: skip
        self.assertEqual(len(closed), count)
        self.assertLess((closed[-1] - closed[0]) % 60, 1)


class InterestTest(PeerCase):
    def test_interest_before_info(self):
        server = self.member()
        route = self.dialed(server)
        self.assertRegex(route.read_op().json["nonce"], r"^[\w-]{15}$")
        client = self.client(server)
        client.send("SUB early.message 1\r\n")
        client.expect_quiet()
        route.send_connect()
        route.send("RS+ $G early\r\nRMSG $G early.message 1\r\ny\r\n")
        route.drain()
        client.expect_message("early.message", 1, b"y")
        client.send("PUB early 1\r\nx\r\n")
        route.expect_op("RMSG $G early 1", b"x")
        route.send_info()
        route.drain()
        self.check_routed(server, route)

    def test_a_reload_of_accounts_sends_routes_nothing(self):
        server = self.member(settings="accounts { A { users: [ { user: a, password: p } ] } }")
        route = self.peer(server)
        server.settings = "accounts { A { users: [ { user: a, password: other } ] } }"
        server.write_config()
        server.process.send_signal(signal.SIGHUP)
        server.log.wait("Reloaded server configuration")
        route.expect_quiet()

    def test_pages_show_a_made_up_name(self):
        server = self.member(cluster_name="")
        name = self.dialed(server, cluster_name="").read_op().json["cluster"]
        self.assertEqual(server.get("/varz")["cluster"]["name"], name)


class JetStreamTest(PeerCase):
    """A hand-written member has it; this server has not."""

    ACK = "$JS.ACK.S.C.1.2.3.1700000000000000000.0"

    def setUp(self):
        self.server = self.member()
        self.route = self.peer(self.server)
        self.client_wire = self.client(self.server)

    @differs("2.9.10", "it reads such replies only while JetStream is on")
    def test_a_delivery_shows_the_subject_of_the_stream(self):
        wire = self.client_wire
        wire.send("SUB deliver.x 1\r\nSUB other.> q 2\r\n")
        wire.expect_quiet()
        self.route.drain()
        self.route.send(f"RMSG $G deliver.x {self.ACK}@orders.new 5\r\nhello\r\n")
        self.assertEqual(wire.read_line().decode(), f"MSG orders.new 1 {self.ACK} 5")
        wire.read(7)
        self.route.send(f"RMSG $G other.y + {self.ACK}@a@b q 2\r\nhi\r\n")
        self.assertEqual(wire.read_line().decode(), f"MSG a@b 2 {self.ACK} 2")
        wire.read(4)
        wire.send(f"PUB {self.ACK} 4\r\n+ACK\r\n")
        wire.expect_quiet()

    def test_the_api_is_asked_in_the_system_account(self):
        wire = self.client_wire
        self.route.send("RS+ $SYS $JS.API.>\r\n")
        self.route.drain()
        wire.send("SUB in 1\r\nPUB $JS.API.INFO in 0\r\n\r\n")
        while (op := self.route.read_op(own=True)).fields[:2] != ["$SYS", "$JS.API.INFO"]:
            pass
        self.assertIn(b"Nats-Request-Info: {", op.payload)
        self.assertIn(b'"acc":"$G"', op.payload)
        self.route.send(f"RMSG $SYS {op.fields[2]} 2\r\n{{}}\r\n")
        wire.expect_message("in", 1, b"{}")

    @differs("2.9.10", "it allows the answer")
    def test_an_answer_that_would_be_a_request_is_not_allowed(self):
        server = self.member(settings="""accounts { A { users = [ { user: a, password: a
            permissions: { subscribe: "ask", publish: { deny: ">" }, allow_responses: { max: 5 } } } ] } }""")
        route, client = self.peer(server), self.client(server, user="a", **{"pass": "a"})
        client.send("SUB ask 1\r\n")
        client.expect_quiet()
        route.send("RMSG A ask $JS.API.INFO 1\r\n?\r\nRMSG A ask in 1\r\n?\r\n")
        client.expect("MSG ask 1 $JS.API.INFO 1\r\n?\r\nMSG ask 1 in 1\r\n?\r\n")
        client.send("PUB in 1\r\n!\r\nPUB $JS.API.INFO 1\r\n!\r\n")
        client.expect("-ERR 'Permissions Violation for Publish to \"$JS.API.INFO\"'\r\n")

    @differs("2.9.10", "it has no such API without JetStream")
    def test_nobody_has_it(self):
        wire = self.client(self.server, headers=True, no_responders=True)
        wire.send("SUB in 1\r\nPUB $JS.API.INFO in 0\r\n\r\n")
        self.assertIn("HMSG in 1", wire.read_line().decode())

    def test_pulls_are_not_carried_by_the_api(self):
        wire = self.client_wire
        self.route.send("RS+ $SYS $JS.API.>\r\nRS+ $G $JS.API.CONSUMER.MSG.NEXT.S.C\r\n")
        self.route.drain()
        wire.send("SUB in 1\r\nPUB $JS.API.CONSUMER.MSG.NEXT.S.C in 0\r\n\r\n")
        wire.expect_quiet()
        ops = []
        self.route.send("PING\r\n")
        while (op := self.route.read_op(own=True)).verb != "PONG":
            ops.append(op.line)
        pulls = [line for line in ops if "MSG.NEXT" in line]
        self.assertEqual(pulls, ["RMSG $G $JS.API.CONSUMER.MSG.NEXT.S.C in 0"])


if __name__ == "__main__":
    cluster.main()

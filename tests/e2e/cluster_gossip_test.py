#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How a full mesh comes about from one seed: who tells whom of a server that joins, and who dials."""

from support import cluster
from support.cluster import Cluster
from support.route_peer import PeerCase, new_id


class TellingTest(PeerCase):
    """What a server says of others."""

    def setUp(self):
        self.server = self.member()
        self.first = self.peer(self.server)

    def test_one_that_joins_is_told_of_to_the_others(self):
        joins = self.peer(
            self.server, port=12345, connect_urls=["127.0.0.1:1"], nonce="F87It6R6zPMznTo",
            tls_required=None, leafnode_urls=None,
        )  # fmt: skip
        op = self.first.read_op()
        self.assertEqual(op.verb, "INFO")
        info = op.json
        self.assertEqual(info["server_id"], joins.server_id)
        self.assertEqual(info["ip"], "nats-route://127.0.0.1:12345/")
        self.assertEqual((info["proto"], info["host"], info["port"]), (2, "127.0.0.1", 12345))
        self.assertEqual(info["connect_urls"], ["127.0.0.1:1"])
        self.assertEqual(info["version"], "2.9.10")
        if self.server.kind.names_clusters:
            self.assertEqual((info["server_name"], info.get("cluster", "")), (joins.name, self.server.cluster_name))
            self.assertIs(info["headers"], True)
        self.assertEqual([op for op in joins.dump if op.verb == "INFO"], [])
        self.first.expect_quiet()
        joins.expect_quiet()

    def test_how_the_news_are_to_be_passed_on(self):
        """1: this server reports it to all others; 2: it may be reported nowhere else (2.11)."""
        if self.kind().number < (2, 11):
            self.skipTest("gossip_mode came with 2.11")
        seed = self.listener()
        server = self.member(1, routes=[seed.url])
        configured = self.accepted(seed)
        comes = self.peer(server)
        self.assertEqual(configured.read_op().json["gossip_mode"], 2)
        last = self.peer(server)
        self.assertEqual(comes.read_op().json["gossip_mode"], 1)
        self.assertEqual(configured.read_op().json["gossip_mode"], 2)
        quiet = self.peer(server, gossip_mode=1)
        for peer in (configured, comes, last, quiet):
            peer.expect_quiet()

    def test_what_it_advertises_is_told(self):
        self.peer(self.server, port=12345, ip="nats-route://other.host:777/")
        self.assertEqual(self.first.read_op().json["ip"], "nats-route://other.host:777/")

    def test_an_address_without_a_host_is_not_told(self):
        if self.server.kind.is_go:
            self.skipTest("it passes on whatever it gets")
        for ip in ("nats-route://:6222", "nats-route://other.host/", "nope", "nats-route://" + "h" * 10000 + ":6222/"):
            peer = self.peer(self.server, port=12345, ip=ip)
            self.assertEqual(self.first.read_verb("INFO").json["ip"], "nats-route://127.0.0.1:12345/")
            peer.send_info(ip=ip)
            peer.drain()

    def test_one_that_comes_back_is_told_of_again(self):
        for _ in range(2):
            joins = self.peer(self.server, server_id="N" + "A" * 55, server_name="again")
            self.assertEqual(self.first.read_op().json["server_id"], joins.server_id)
            joins.close()
            self.wait_for(lambda: self.server.get("/routez")["num_routes"] == 1, "it is gone")

    def test_duplicates_are_not_told_of(self):
        twin = self.dialed(self.server, server_id=self.first.server_id, server_name=self.first.name)
        twin.send_connect()
        twin.send_info()
        twin.read_until_end()
        self.first.expect_quiet()


class ToldTest(PeerCase):
    """What a server does with what it is told of others."""

    def setUp(self):
        self.server = self.member()
        self.route = self.peer(self.server)
        self.listen = self.listener()

    def tell(self, **changes):
        fields = {
            "server_id": self.listen.server_id, "server_name": "third", "ip": self.listen.url + "/",
            "port": self.listen.port, "connect_urls": None,
        }  # fmt: skip
        self.route.send_info(**{**fields, **changes})

    def check_not_dialed(self):
        """The next that is told of is dialed, so the last was not."""
        other = self.listener()
        self.tell(server_id=other.server_id, server_name="fourth", ip=other.url + "/", port=other.port)
        self.accepted(other, server_name="fourth")
        self.listen.socket.setblocking(False)
        with self.assertRaises(BlockingIOError):
            self.listen.socket.accept()

    def test_the_other_is_dialed(self):
        self.tell()
        third = self.accepted(self.listen, server_name="third")
        self.check_routed(self.server, third)
        (route,) = [r for r in self.server.get("/routez")["routes"] if r["remote_id"] == third.server_id]
        self.assertEqual((route["did_solicit"], route["is_configured"]), (True, False))

    def test_who_is_there_already_is_not_dialed(self):
        third = self.peer(self.server, server_id=self.listen.server_id, server_name="third")
        self.tell()
        self.check_not_dialed()
        third.drain()

    def check_told_on(self, **changes):
        """A third server is told of, and the one that told hears of it again; returns that INFO."""
        self.tell(**changes)
        third = self.accepted(self.listen, server_name="third")
        op = self.route.read_op()
        self.assertEqual((op.verb, op.json["server_id"]), ("INFO", third.server_id))
        self.assertEqual(op.json["ip"], self.listen.url + "/")
        return third, op.json

    def test_both_ends_tell_of_a_new_route(self):
        """The route that is told of is told on, to the others only."""
        if self.kind().number < (2, 11):
            self.check_told_on()
            return
        third, info = self.check_told_on(gossip_mode=2)
        self.assertEqual((third.peer.get("gossip_mode"), info.get("gossip_mode")), (2, None))

    def test_news_that_all_others_hear_are_not_told_on(self):
        if self.kind().number < (2, 11):
            self.skipTest("gossip_mode came with 2.11")
        for mode in (None, 1):
            third = self.listener()
            fields = {} if mode is None else {"gossip_mode": mode}
            name = f"third{mode}"
            self.tell(server_id=third.server_id, server_name=name, ip=third.url + "/", port=third.port, **fields)
            peer = self.accepted(third, server_name=name)
            self.assertEqual(peer.peer.get("gossip_mode"), mode)
            self.route.expect_quiet()

    def test_nobody_is_there_any_more(self):
        """One attempt, by default."""
        port = self.listen.port
        self.listen.close()
        self.tell(ip=f"nats-route://127.0.0.1:{port}/")
        self.server.log.wait(r"Error trying to connect to route \(attempt 1\)")
        self.check_serves(self.server)

    def test_an_address_that_is_none(self):
        for ip in ("", "nope", "nats-route://:6222", "nats-route://127.0.0.1/", "nats-route://127.0.0.1:99999/",
                   "http://[::1"):  # fmt: skip
            self.tell(ip=ip, server_id=new_id())
        self.check_not_dialed()
        if not self.server.kind.is_go:
            self.assertNotIn("Error trying to connect to route", self.server.log.text())


class MeshTest(PeerCase):
    """Servers among themselves."""

    def check_delivers(self, servers):
        """From everyone to everyone, exactly once."""
        wires = [self.client(server) for server in servers]
        for index, wire in enumerate(wires):
            wire.send(f"SUB all 1\r\nSUB to.{index} 2\r\n")
        for wire in wires:
            self.sync(wire, *(other for other in wires if other is not wire))
        for index, wire in enumerate(wires):
            wire.send(f"PUB all 1\r\n{index}\r\n")
            for other in range(len(wires)):
                wire.send(f"PUB to.{other} 1\r\n{index}\r\n")
        for index, wire in enumerate(wires):
            got = []
            for _ in range(2 * len(wires)):
                line = wire.read_line().decode()
                got.append((line, wire.read(3)[:1].decode()))
            wanted = [("MSG all 1 1", str(i)) for i in range(len(wires))]
            wanted += [(f"MSG to.{index} 2 1", str(i)) for i in range(len(wires))]
            self.assertEqual(sorted(got), sorted(wanted))
        for wire in wires:
            wire.expect_quiet()
            wire.close()

    def skip_where_old_dial(self):
        if len({kind.names_clusters for kind in self.kinds()}) > 1:
            self.skipTest("servers before 2.2 dial only those whose cluster has no name")

    def test_three_from_one_seed(self):
        servers = self.cluster(3)
        self.check_delivers(servers)
        # One route for each pair, whoever dialed.
        for server in servers:
            self.assertEqual(server.get("/varz")["remotes"], 2)

    def test_five_from_one_seed(self):
        self.check_delivers(self.cluster(5))

    def test_three_that_know_each_other(self):
        """Both ends of each pair dial; one connection stays."""
        self.skip_where_old_dial()
        servers = [self.member(index, start=False) for index in range(3)]
        for server in servers:
            server.routes = [other.route_url for other in servers]
        for server in servers:
            server.start()
        Cluster(self, servers).wait_mesh()
        self.check_delivers(servers)

    def test_a_chain_becomes_a_mesh(self):
        """Each dials the one before it."""
        self.skip_where_old_dial()
        servers = []
        for index in range(4):
            servers.append(self.member(index, routes=[servers[-1].route_url] if servers else []))
        Cluster(self, servers).wait_mesh()
        self.check_delivers(servers)

    def test_a_server_restarts(self):
        """Not the seed: it dials the seed again, gossip does the rest."""
        servers = self.cluster(3)
        servers[2].stop()
        Cluster(self, servers[:2]).wait_mesh()
        servers[2].start()
        servers.wait_mesh()
        self.check_delivers(servers)

    def test_the_seed_restarts(self):
        servers = self.cluster(3)
        servers[0].stop()
        Cluster(self, servers[1:]).wait_mesh()
        servers[0].start()
        servers.wait_mesh()
        self.check_delivers(servers)

    def test_the_seed_dies(self):
        """Without a word; the others dial it until it is there again."""
        servers = self.cluster(3)
        servers[0].kill()
        Cluster(self, servers[1:]).wait_mesh()
        servers[0].start()
        servers.wait_mesh()
        self.check_delivers(servers)

    def test_the_seed_comes_last(self):
        """The others dial it in vain until then."""
        self.skip_where_old_dial()
        seed = self.member(0, start=False)
        others = [self.member(index, routes=[seed.route_url]) for index in (1, 2)]
        for server in others:
            server.log.wait("Error trying to connect to route")
        seed.start()
        Cluster(self, [seed, *others]).wait_mesh()
        self.check_delivers([seed, *others])


if __name__ == "__main__":
    cluster.main()

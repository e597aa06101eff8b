#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a reload of the configuration changes in a cluster, and what it refuses."""

import re
import signal

from support import case, cluster
from support.cluster import Cluster
from support.leaf_peer import LeafPeer
from support.route_peer import PeerCase


class ReloadCase(PeerCase):
    def reload(self, server, done="Reloaded server configuration|Reloaded: cluster"):
        mark = len(server.log.lines())
        server.write_config()
        server.send_signal(signal.SIGHUP)
        server.log.wait(done, after=mark)

    def refuse(self, server, text):
        self.reload(server, re.escape(text))


class RoutesReloadTest(ReloadCase):
    def test_a_route_is_added(self):
        listener = self.listener()
        server = self.member()
        server.routes = [listener.url]
        self.reload(server, "Reloaded: cluster routes")
        self.check_routed(server, self.accepted(listener))
        (route,) = server.get("/routez")["routes"]
        self.assertEqual((route["did_solicit"], route["is_configured"]), (True, True))

    def test_a_route_is_removed(self):
        kept, removed = self.listener(), self.listener()
        server = self.member(routes=[kept.url, removed.url], cluster_settings=self.one_route())
        stays, goes = self.accepted(kept), self.accepted(removed)
        server.routes = [kept.url]
        self.reload(server, "Reloaded: cluster routes")
        goes.read_until_end()
        stays.drain()
        self.check_routed(server, stays)
        # It is not dialed again: what is added now is dialed, and nobody came to the other until then.
        added = self.listener()
        server.routes = [kept.url, added.url]
        self.reload(server, "Reloaded: cluster routes")
        self.accepted(added)
        removed.socket.setblocking(False)
        with self.assertRaises(BlockingIOError):
            removed.socket.accept()

    def test_clients_notice_nothing(self):
        listener = self.listener()
        server = self.member()
        wire = self.client(server)
        wire.send("SUB foo 1\r\n")
        wire.expect_quiet()
        server.routes = [listener.url]
        self.reload(server, "Reloaded: cluster routes")
        peer = self.accepted(listener)
        self.assertEqual([op.line for op in peer.dump], ["RS+ $G foo"])
        peer.send("RMSG $G foo 1\r\nx\r\n")
        wire.expect_message("foo", 1, b"x")
        wire.expect_quiet()

    def test_servers_join_by_reload(self):
        first, second = self.member(0), self.member(1)
        second.routes = [first.route_url]
        self.reload(second, "Reloaded: cluster routes")
        Cluster(self, [first, second]).wait_mesh()

    def test_servers_join_that_both_have_more_interest_than_finds_room(self):
        """Each has to read while it waits until the other one has read."""
        count, padding = 12_000, "x" * 2000  # 24 MB; a quarter of max_pending and the buffers of sockets hold less
        first, second = (self.member(i, settings="max_pending: 33554432\n") for i in range(2))
        for server in (first, second):
            wire = self.client(server)
            wire.send("".join(f"SUB {server.name}.{padding}.{i} {i}\r\n" for i in range(count)))
            wire.expect_quiet()
        second.routes = [first.route_url]
        self.reload(second, "Reloaded: cluster routes")
        for server in (first, second):
            self.wait_for(
                lambda s=server: s.get("/subsz")["num_subscriptions"] >= 2 * count, "all interest is known"
            )

    def test_the_port_cannot_change(self):
        server = self.member()
        port = server.route_port
        server.route_port = 1
        self.refuse(server, f"config reload not supported for cluster port: old={port}, new=1")
        server.route_port = port
        self.check_routed(server, self.peer(server))


def accounts(*names):
    """Each has a user of its name; those but the first export all to the first."""
    imports = ", ".join(f'{{ stream: {{ account: {name}, subject: ">" }} }}' for name in names[1:])
    return "accounts {\n" + "".join(
        f"  {name} {{ users: [ {{ user: {name}, password: p }} ], "
        + (f"imports: [ {imports} ] }}\n" if name == names[0] else 'exports: [ { stream: ">" } ] }\n')
        for name in names
    ) + "}\n"  # fmt: skip


class AccountsReloadTest(ReloadCase):
    """An account comes to one server after the other, each by a reload. (The reference loses what is announced of
    it in between.)"""

    def setUp(self):
        super().setUp()
        if any(kind.is_go for kind in self.kinds()):
            self.skipTest("the reference forgets interest in accounts that it does not know")

    def user(self, server, name):
        return self.client(server, user=name, **{"pass": "p"})

    def give(self, server, *names):
        server.settings = accounts(*names)
        self.reload(server)

    def test_its_subscribers_on_servers_that_had_it_first(self):
        first, second = self.cluster(2, settings=accounts("A"), cluster_settings=self.one_route())
        self.give(first, "A", "B")
        stays, goes = self.user(first, "B"), self.user(first, "B")
        stays.send("SUB stays 1\r\nSUB group q 2\r\n")
        goes.send("SUB goes 1\r\n")
        for each in (stays, goes):
            each.expect_quiet()
        goes.send("UNSUB 1\r\n")
        goes.expect_quiet()
        # There is one route, so the other server has read what was announced of the new account, too.
        self.sync(self.user(first, "A"), self.user(second, "A"))
        self.give(second, "A", "B")
        publisher = self.user(second, "B")
        publisher.send("PUB goes 0\r\n\r\nPUB stays 1\r\nx\r\nPUB group 1\r\ny\r\n")
        stays.expect_message("stays", 1, b"x")
        stays.expect_message("group", 2, b"y")
        goes.expect_quiet()

    def test_those_that_import_from_it(self):
        servers = self.cluster(3, settings=accounts("A"), cluster_settings=self.one_route())
        importer = self.user(servers[0], "A")
        importer.send("SUB from.> 1\r\n")
        importer.expect_quiet()
        self.give(servers[0], "A", "B")
        self.sync(importer, *(self.user(server, "A") for server in servers[1:]))
        for server in servers[1:]:
            self.give(server, "A", "B")
        for server in servers:
            self.user(server, "B").send("PUB from.there 1\r\nx\r\n")
            importer.expect_message("from.there", 1, b"x")


class SettingsReloadTest(ReloadCase):
    def test_permissions(self):
        server = self.member(cluster_settings='permissions { import: "a.>", export: "a.>" }\n')
        peer = self.peer(server)
        wire = self.client(server)
        wire.send("SUB a.x 1\r\nSUB b.x 2\r\n")
        wire.expect_quiet()
        peer.expect_op("RS+ $G a.x")
        peer.send("RS+ $G a.y\r\nRS+ $G b.y\r\n")
        peer.expect_quiet()
        server.cluster_settings = 'permissions { import: "b.>", export: "b.>" }\n'
        self.reload(server, "Reloaded: cluster")
        ops = []
        while len(ops) < 3:
            ops.append(peer.read_op())
        (info,) = [op.json for op in ops if op.verb == "INFO"]
        self.assertEqual((info["import"], info["export"]), ({"allow": ["b.>"]}, {"allow": ["b.>"]}))
        self.assertEqual(info["server_id"], server.id)
        self.assertEqual({op.line for op in ops if op.verb != "INFO"}, {"RS- $G a.x", "RS+ $G b.x"})
        wire.send("PUB a.y 1\r\nx\r\n")
        wire.expect_quiet()
        peer.expect_quiet()
        peer.send("RS+ $G b.z\r\nRS+ $G a.z\r\n")
        peer.drain()
        wire.send("PUB a.z 1\r\nx\r\nPUB b.z 1\r\nx\r\n")
        peer.expect_op("RMSG $G b.z 1", b"x")
        self.assertEqual(server.get("/routez")["import"], {"allow": ["b.>"]})

    def test_permissions_of_the_peer_change(self):
        """It exports more than before: what is subscribed here is told it now."""
        server = self.member()
        peer = self.peer(server, **{"export": {"allow": ["a.>"]}})
        wire = self.client(server)
        wire.send("SUB b.x 1\r\n")
        wire.expect_quiet()
        peer.drain()
        peer.send_info(**{"export": {"allow": ["a.>", "b.>"]}})
        peer.expect_op("RS+ $G b.x")
        peer.send("RMSG $G b.x 1\r\nx\r\n")
        wire.expect_message("b.x", 1, b"x")

    def test_subscriptions_that_end_while_they_become_denied(self):
        """The other server hears of each end, be it that of the subscription or that of the permission."""
        count = 40000
        server = self.member()
        peer = self.peer(server)
        wire = self.client(server)
        wire.send("".join(f"SUB d.{i} {i}\r\n" for i in range(count)))
        wire.expect_quiet()
        self.assertEqual(len([op for op in peer.drain() if op.line.startswith("RS+ $G d.")]), count)
        server.cluster_settings = 'permissions { import: { deny: "d.>" } }'
        server.write_config()
        server.send_signal(signal.SIGHUP)
        wire.send("".join(f"UNSUB {i}\r\n" for i in range(count)))
        wire.expect_quiet()
        server.log.wait("Reloaded: cluster")
        ended = [op.line for op in peer.drain()]
        missing = {f"RS- $G d.{i}" for i in range(count)}.difference(ended)
        self.assertEqual(len(missing), 0, f"for example {list(missing)[:3]}")

    def test_a_password_appears(self):
        """Routes that were accepted without it are closed, and have to log in."""
        server = self.member()
        peer = self.peer(server)
        server.cluster_settings = "authorization { user: r, password: secret, timeout: 5 }\n"
        self.reload(server, "Reloaded: cluster")
        peer.read_until_end()
        late = self.peer(server, connect={"user": "r", "pass": "secret"})
        self.check_routed(server, late)

    def test_a_password_changes_in_the_middle_of_handshakes(self):
        if case.Options.reference:
            self.skipTest("the reference takes the password that has just gone")
        secret = "authorization {{ user: r, password: {}, timeout: 5 }}\n"
        old, new = ({"user": "r", "pass": word} for word in ("former", "later"))
        server = self.member(cluster_settings=secret.format("former"))
        greeted, renewed, logged_in, silent = (self.dialed(server) for _ in range(4))
        logged_in.send_connect(**old)
        silent.send_connect(**old)
        for peer in (greeted, renewed, logged_in, silent):
            self.assertEqual(peer.read_op().verb, "INFO")
        for peer in (logged_in, silent):
            peer.send("PING\r\n")
            self.assertEqual(peer.read_line(), b"PONG")
        server.cluster_settings = secret.format("later")
        self.reload(server, "Reloaded: cluster")
        greeted.send_connect(**old)
        logged_in.send_info()
        for peer in (greeted, logged_in, silent):
            self.assertIn("-ERR 'Authorization Violation'", [op.line for op in peer.read_until_end()])
        renewed.send_connect(**new)
        renewed.send_info()
        self.wait_for(lambda: server.remote_ids() == {renewed.server_id}, "the renewed one is registered")
        renewed.drain()
        self.check_routed(server, renewed)

    def test_a_password_changes_while_it_is_compared(self):
        if case.Options.reference:
            self.skipTest("the reference takes the password that has just gone")
        hashed = "$2a$15$TMetCS5/IBslPymm5TR4xeaMVWYalcHVqqad6w6iBttzOVpYm4hnK"  # of "secret": takes seconds
        authorization = 'authorization {{ user: r, password: "{}", timeout: 30 }}\n'
        server = self.member(0, "-DV", cluster_settings=authorization.format(hashed))
        peer = self.dialed(server)
        self.assertEqual(peer.read_op().verb, "INFO")
        peer.send_connect(**{"user": "r", "pass": "secret"})
        server.log.wait(r"<<- \[CONNECT")
        server.cluster_settings = authorization.format("later")
        self.reload(server, "Reloaded: cluster")
        self.assertIn("-ERR 'Authorization Violation'", [op.line for op in peer.read_until_end()])

    def test_nothing_is_advertised_any_more(self):
        server = self.member()
        self.assertEqual(self.peer(server).peer["connect_urls"], [f"127.0.0.1:{server.port}"])
        server.cluster_settings = "no_advertise: true\n"
        self.reload(server, "Reloaded: cluster")
        self.assertFalse(self.peer(server).peer.get("connect_urls"))

    def test_a_server_that_left_while_nothing_was_advertised_is_forgotten(self):
        if case.Options.reference:
            self.skipTest("it may keep the address")
        server = self.member()
        leaves = self.peer(server, connect_urls=["127.0.0.1:1"])
        self.assertIn("127.0.0.1:1", self.client(server).info["connect_urls"])
        server.cluster_settings = "no_advertise: true\n"
        self.reload(server, "Reloaded: cluster")
        leaves.close()
        self.wait_for(lambda: server.get("/routez")["num_routes"] == 0, "the route has gone")
        server.cluster_settings = ""
        self.reload(server, "Reloaded: cluster")
        self.peer(server, connect_urls=["127.0.0.1:2"])

        def announced():
            urls = self.client(server).info["connect_urls"]
            return "127.0.0.1:2" in urls and "127.0.0.1:1" not in urls

        self.wait_for(announced, "the address of the other server")

    def test_the_address_for_leafnodes_may_change(self):
        if case.Options.reference:
            self.skipTest("it keeps the first one")
        server = self.member(settings="leafnodes { listen: 127.0.0.1:-1 }\n")
        peer = self.peer(server, leafnode_urls=["127.0.0.1:1"])
        [own] = peer.peer["leafnode_urls"]

        def announced():
            spoke = LeafPeer(int(own.rpartition(":")[2])).setup_spoke()
            self.addCleanup(spoke.close)
            return spoke.read_info()["leafnode_urls"]

        self.assertEqual(announced(), [own, "127.0.0.1:1"])
        peer.send_info(leafnode_urls=["127.0.0.1:2"])
        peer.drain()
        self.assertEqual(announced(), [own, "127.0.0.1:2"])
        peer.close()
        self.wait_for(lambda: announced() == [own], "the address has gone")


class NameReloadTest(ReloadCase):
    """The cluster gets another name: routes that stand stay, newcomers must know it."""

    def setUp(self):
        if not self.kind().names_clusters:
            self.skipTest("servers before 2.2 know no cluster names")
        self.server = self.member(cluster_name="C1")
        self.route = self.peer(self.server, cluster_name="C1")

    def rename(self, name):
        self.server.cluster_name = name
        self.reload(self.server)

    def test_routes_stay_and_newcomers_know_the_new_name(self):
        self.rename("C2")
        self.server.log.wait("Cluster name updated to C2")
        self.check_routed(self.server, self.route)
        self.check_routed(self.server, self.peer(self.server, cluster_name="C2"))
        if not case.Options.reference:  # which shows its former name there
            self.assertEqual(self.server.get("/varz")["cluster"]["name"], "C2")
        late = self.dialed(self.server, cluster_name="C1")
        late.send_connect()
        late.send_info()
        said = [op.line for op in late.read_until_end() if op.verb == "-ERR"]
        self.assertEqual(said, ["-ERR 'Rejecting connection, cluster name \"C1\" does not match \"C2\"'"])

    def test_in_the_middle_of_a_handshake_the_size_of_the_pool_changes_too(self):
        if case.Options.reference:
            self.skipTest("the reference refuses that server")
        listener = self.listener()
        pool = "  compression: off\n  pool_size: {}\n"
        server = self.member(1, cluster_name="C1", routes=[listener.url], cluster_settings=pool.format(-1))
        first = listener.accept(cluster_name="C1")
        self.addCleanup(first.close)
        self.assertEqual([first.read_op().verb, first.read_op().verb], ["CONNECT", "INFO"])
        server.cluster_name, server.cluster_settings = "C2", pool.format(3)
        self.reload(server)
        first.send_info()
        self.assertEqual(first.read_until_end(), [])
        # Its socket lingers for longer than the time that a server has to state its reasons.
        again = listener.accept(cluster_name="C2")
        self.addCleanup(again.close)
        again.send_info(route_pool_size=3)
        self.assertEqual(again.read_op().json["cluster"], "C2")
        self.check_serves(server)

    def test_without_a_name_it_takes_that_of_others(self):
        self.rename("")
        self.check_routed(self.server, self.route)
        self.assertEqual(self.dialed(self.server).read_op().json["cluster"], "C1")
        self.check_routed(self.server, self.peer(self.server, cluster_name="C3"))
        self.assertEqual(self.dialed(self.server).read_op().json["cluster"], "C3")


if __name__ == "__main__":
    cluster.main()

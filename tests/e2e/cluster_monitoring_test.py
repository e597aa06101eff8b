#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What monitoring shows of routes: /routez, the cluster part of /varz, /subsz, the log and the ports file."""

import json
import os

from support import cluster
from support.cluster import Cluster
from support.monitoring import Activity
from support.route_peer import PeerCase

ROUTE = ["rid", "remote_id", "did_solicit", "is_configured", "ip", "port", "pending_size",
         "in_msgs", "out_msgs", "in_bytes", "out_bytes", "subscriptions"]  # fmt: skip


class ScriptedMonitoringTest(PeerCase):
    def setUp(self):
        self.server = self.member()
        self.wire = self.client(self.server)

    def routez(self, query=""):
        return self.server.get("/routez" + query)

    def test_without_routes(self):
        page = self.routez()
        keys = [key for key in page if key in ("server_id", "now", "import", "export", "num_routes", "routes")]
        self.assertEqual(keys, ["server_id", "now", "num_routes", "routes"])
        self.assertEqual((page["num_routes"], page["routes"]), (0, []))
        self.assertEqual(page["server_id"], self.server.id)

    def test_a_route(self):
        peer = self.peer(self.server)
        page = self.routez()
        self.assertEqual(page["num_routes"], 1)
        (route,) = page["routes"]
        self.assertEqual([key for key in route if key in ROUTE], ROUTE)
        wanted = {
            "remote_id": peer.server_id, "did_solicit": False, "is_configured": False, "ip": "127.0.0.1",
            "port": peer.socket.getsockname()[1], "pending_size": 0,
        }  # fmt: skip
        self.assertEqual({**route, **wanted}, route)

    def test_messages_are_counted(self):
        peer = self.peer(self.server)
        before = self.routez()["routes"][0]
        peer.send("RS+ $G out\r\nRS+ $G more q 3\r\nRMSG $G foo 5\r\nhello\r\nRMSG $G foo 7\r\nhello 2\r\n")
        peer.drain()
        self.wire.send("PUB out 3\r\nabc\r\n")
        self.wire.expect_quiet()
        peer.expect_op("RMSG $G out 3", b"abc")
        (route,) = self.routez()["routes"]
        wanted = {"in_msgs": 2, "in_bytes": 12, "out_msgs": 1, "out_bytes": 3, "subscriptions": 2}
        self.assertEqual({key: route[key] - before[key] for key in wanted}, wanted)

    def test_messages_and_interest_are_activity_and_a_ping_is_not(self):
        peer = self.peer(self.server)
        self.wire.send("SUB foo 1\r\n")
        self.wire.expect_quiet()
        peer.drain()

        def read():
            page = self.routez()
            return page, page["routes"][0]

        activity = Activity(self, read)
        activity.check_is_none(peer.drain)  # PING
        for lines in ("RS+ $G out\r\n", "RS- $G out\r\n", "RMSG $G foo 1\r\nx\r\n"):
            activity.check_is(lambda lines=lines: peer.send(lines), lines)

    def test_interest_is_listed(self):
        peer = self.peer(self.server)
        peer.send("RS+ $G foo\r\nRS+ $G bar q 2\r\n")
        peer.drain()
        self.assertNotIn("subscriptions_list", self.routez()["routes"][0])
        (route,) = self.routez("?subs=1")["routes"]
        self.assertEqual(sorted(s for s in route["subscriptions_list"] if s in ("foo", "bar")), ["bar", "foo"])
        if self.kind().number >= (2, 15):
            (route,) = self.server.get("/routez?subs=detail")["routes"]
            detail = {each["subject"]: each for each in route["subscriptions_list_detail"]}
            self.assertEqual(detail["foo"], {"subject": "foo", "sid": "$G foo", "msgs": 0, "cid": route["rid"]})
            self.assertNotIn("subscriptions_list", route)

    def test_permissions_of_the_peer(self):
        peer = self.peer(self.server, **{"import": {"allow": ["a.>"]}, "export": {"deny": ["b"]}})
        (route,) = self.routez()["routes"]
        self.assertEqual((route["import"], route["export"]), ({"allow": ["a.>"]}, {"deny": ["b"]}))
        peer.drain()

    def test_counts_of_varz(self):
        self.assertEqual((self.server.get("/varz")["routes"], self.server.get("/varz")["remotes"]), (0, 0))
        first, second = self.peer(self.server), self.peer(self.server)
        self.dialed(self.server).read_op()
        page = self.server.get("/varz")
        self.assertEqual((page["remotes"], page["connections"]), (2, 1))
        self.assertGreaterEqual(page["routes"], 2)
        for peer in (first, second):
            peer.close()
        self.wait_for(lambda: self.server.get("/varz")["remotes"] == 0, "they are gone")

    def test_messages_of_routes_count_in_varz(self):
        peer = self.peer(self.server)
        self.wire.send("SUB foo 1\r\n")
        self.wire.expect_quiet()
        before = self.server.get("/varz")
        peer.send("RMSG $G foo 5\r\nhello\r\n")
        self.wire.expect_message("foo", 1, b"hello")
        after = self.server.get("/varz")
        self.assertEqual(after["in_msgs"] - before["in_msgs"], 1)
        self.assertEqual(after["in_bytes"] - before["in_bytes"], 5)
        self.assertGreaterEqual(after["out_msgs"] - before["out_msgs"], 1)

    def test_subsz_counts_what_routes_want(self):
        server = self.member()
        before = server.get("/subsz")["num_subscriptions"]
        peer = self.peer(server)
        peer.send("RS+ $G a\r\nRS+ $G b\r\n")
        peer.drain()
        # A slow server keeps such a page for a while.
        self.wait_for(lambda: server.get("/subsz")["num_subscriptions"] == before + 2, "both are counted")

    def test_log_lines(self):
        peer = self.peer(self.server)
        port = peer.socket.getsockname()[1]
        self.server.log.wait(rf"\[INF\] 127\.0\.0\.1:{port} - rid:\d+ - Route connection created")
        peer.close()
        end = self.server.log.wait(rf"\[INF\] 127\.0\.0\.1:{port} - rid:\d+ - Router connection closed(.*)")[0]
        if self.kind().number >= (2, 15):
            self.assertTrue(end.group(1).endswith(f" - Remote: {peer.name}, Host: 127.0.0.1:1"), end.group(1))


class SettingsTest(PeerCase):
    def test_varz_shows_the_cluster(self):
        server = self.member(cluster_settings="authorization { user: r, password: p, timeout: 3 }\n",
                             routes=["nats-route://127.0.0.1:1", "nats-route://u:p@127.0.0.1:2"])  # fmt: skip
        shown = server.get("/varz")["cluster"]
        wanted = {"addr": "127.0.0.1", "cluster_port": server.route_port, "auth_timeout": 3,
                  "urls": ["127.0.0.1:1", "127.0.0.1:2"]}  # fmt: skip
        if server.kind.names_clusters:
            wanted = {"name": "C1", **wanted}
        self.assertEqual({key: shown[key] for key in shown if key in wanted}, wanted)
        self.assertEqual([key for key in shown if key in wanted], list(wanted))

    def test_without_a_cluster(self):
        server = self.start("-m", "-1")
        match, _ = server.log.wait(cluster.MONITORING)
        server.monitor_port = int(match.group(2))
        page = cluster.Member.get(server, "/varz")
        self.assertEqual(page["cluster"], {})
        page = cluster.Member.get(server, "/routez")
        self.assertEqual((page["num_routes"], page["routes"]), (0, []))

    def test_the_ports_file(self):
        folder = self.folder()
        server = self.member(settings=f'ports_file_dir: "{folder}"\n')
        path = os.path.join(folder, f"{os.path.basename(server.binary)}_{server.pid}.ports")
        self.wait_for(lambda: os.path.exists(path) and os.path.getsize(path), "the ports file")
        with open(path, encoding="utf-8") as stream:
            ports = json.load(stream)
        self.assertEqual(ports["cluster"], [f"nats://127.0.0.1:{server.route_port}"])


class ClusterMonitoringTest(PeerCase):
    def test_both_ends_agree(self):
        first = self.member()
        second = self.member(1, routes=[first.route_url])
        Cluster(self, [first, second]).wait_mesh()
        (dialed,) = self.unpooled(second)
        (accepted,) = self.unpooled(first)
        self.assertEqual((dialed["did_solicit"], dialed["is_configured"]), (True, True))
        self.assertEqual((accepted["did_solicit"], accepted["is_configured"]), (False, False))
        self.assertEqual(dialed["port"], first.route_port)
        self.assertEqual((accepted["remote_id"], dialed["remote_id"]), (second.id, first.id))

    def unpooled(self, server):
        routes = server.get("/routez")["routes"]
        if all(kind.pools for kind in self.kinds()):
            routes = [route for route in routes if route.get("account") == "$SYS"]
        return routes

    def test_connections_by_gossip_are_not_configured(self):
        servers = self.cluster(3)
        by_gossip = [
            route
            for server, other in ((servers[1], servers[2]), (servers[2], servers[1]))
            for route in server.get("/routez")["routes"]
            if route["remote_id"] == other.id
        ]
        self.assertFalse(any(route["is_configured"] for route in by_gossip))
        self.assertTrue(any(route["did_solicit"] for route in by_gossip))


if __name__ == "__main__":
    cluster.main()

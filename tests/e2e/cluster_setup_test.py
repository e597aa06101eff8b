#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How a route comes about: the order of CONNECT and INFO, their keys, duplicates, a route to oneself.

Routes of nats-server 2.0.0-RC19 and 2.9.10 were captured; scripted peers say the same again.
"""

import json

from support import cluster
from support.route_peer import PeerCase

# What every server says, in this order, and what those before 2.2 say.
CONNECT_KEYS = ["echo", "verbose", "pedantic", "tls_required", "headers", "name", "cluster"]
OLD_CONNECT_KEYS = ["echo", "verbose", "pedantic", "tls_required", "name"]
INFO_KEYS = [
    "server_id", "server_name", "version", "proto", "host", "port", "headers", "max_payload",
    "cluster", "connect_urls",
]  # fmt: skip
OLD_INFO_KEYS = ["server_id", "version", "proto", "host", "port", "max_payload", "connect_urls"]


class SetupCase(PeerCase):
    def check_info(self, info, server):
        wanted = INFO_KEYS if server.kind.names_clusters else OLD_INFO_KEYS
        self.assertEqual([key for key in info if key in wanted], wanted)
        self.assertEqual((info["server_id"], info["host"], info["port"]),
                         (server.id, "127.0.0.1", server.route_port))  # fmt: skip
        self.assertIn(info["proto"], (2, 3))
        self.assertEqual(info["max_payload"], 1048576)
        self.assertEqual(info["connect_urls"], [f"127.0.0.1:{server.port}"])
        self.assertNotIn("auth_required", info)
        self.assertNotIn("tls_required", info)
        if server.kind.names_clusters:
            self.assertIs(info["headers"], True)
            self.assertEqual(info["server_name"], server.name)


class AcceptedTest(SetupCase):
    def test_the_listener_speaks_first_and_waits_for_nobody(self):
        server = self.member()
        peer = self.dialed(server)
        info = peer.read_op().json
        self.check_info(info, server)
        self.assertNotIn("ip", info)
        self.assertEqual(server.get("/varz")["remotes"], 0)

    def test_a_route_is_registered_upon_info(self):
        server = self.member()
        peer = self.peer(server)
        self.assertEqual([op.line for op in peer.dump], [])
        (route,) = server.get("/routez")["routes"]
        self.assertEqual(route["remote_id"], peer.server_id)
        self.assertFalse(route["did_solicit"])
        self.assertFalse(route["is_configured"])
        self.check_routed(server, peer)

    def test_connect_and_info_may_come_in_pieces(self):
        server = self.member()
        peer = self.dialed(server)
        peer.read_op()
        for line in (f"CONNECT {json.dumps(peer.connect)}\r\n", f"INFO {json.dumps(peer.info)} \r\n"):
            peer.send_split(line.encode(), whole_from=1 << 20)
        peer.drain()
        self.check_routed(server, peer)

    def test_unknown_keys_and_nulls_are_ignored(self):
        server = self.member()
        peer = self.peer(
            server, connect={"future": {"a": [1]}}, future=[{"x": None}], ws_connect_urls=["h:1"],
            domain="d", jetstream=True, import_=None, leafnode_urls=["a:1", "b:2"], xkey="X", api_lvl=1,
            lnocu=True, proto=3, nonce="abcdefghijklmno",
        )  # fmt: skip
        self.check_routed(server, peer)

    def test_pings_are_answered_at_once_and_in_order(self):
        server = self.member()
        peer = self.peer(server)
        client = self.client(server)
        client.send("SUB a 1\r\n")
        client.expect_quiet()
        peer.send("PING\r\nPING\r\n")
        self.assertEqual([peer.read_op().line for _ in range(3)], ["RS+ $G a", "PONG", "PONG"])

    def test_verbs_are_known_in_any_case(self):
        server = self.member()
        peer = self.peer(server)
        client = self.client(server)
        client.send("SUB a 1\r\n")
        client.expect_quiet()
        peer.drain()
        peer.send("rs+ $G b\r\nrMsG   $G\ta  2\r\nxx\r\nping\r\n")
        client.expect_message("a", 1, b"xx")
        self.assertEqual(peer.read_op().line, "PONG")
        client.send("PUB b 0\r\n\r\n")
        peer.expect_op("RMSG $G b 0", b"")


class DialedTest(SetupCase):
    def test_a_dialer_says_connect_then_info(self):
        listener = self.listener()
        server = self.member(routes=[listener.url])
        peer = self.accepted(listener)
        self.check_info(peer.peer, server)
        self.assertEqual(peer.connect_op.verb, "CONNECT")
        connect = peer.connect_op.json
        wanted = CONNECT_KEYS if server.kind.names_clusters else OLD_CONNECT_KEYS
        self.assertEqual([key for key in connect if key in wanted], wanted)
        self.assertEqual(connect["name"], server.id)
        self.assertEqual((connect["echo"], connect["verbose"], connect["pedantic"], connect["tls_required"]),
                         (True, False, False, False))  # fmt: skip
        self.assertNotIn("lang", connect)
        self.assertNotIn("user", connect)
        routes = server.get("/routez")["routes"]
        self.assertEqual([(r["remote_id"], r["did_solicit"], r["is_configured"]) for r in routes],
                         [(peer.server_id, True, True)])  # fmt: skip
        self.check_routed(server, peer)

    def test_credentials_come_from_the_url(self):
        listener = self.listener()
        self.member(routes=[listener.url.replace("//", "//ruser:top_secret@")])
        peer = self.accepted(listener)
        connect = peer.connect_op.json
        self.assertEqual((connect["user"], connect["pass"]), ("ruser", "top_secret"))

    def test_what_was_subscribed_before_is_told_upon_registration(self):
        listener = self.listener()
        server = self.member(routes=[listener.url])
        client = self.client(server)
        client.send("SUB foo 1\r\nSUB bar.* q1 2\r\nSUB bar.* q1 3\r\nSUB bar.* q2 4\r\nSUB foo 5\r\n")
        client.send("SUB gone 6\r\nUNSUB 6\r\n")
        client.expect_quiet()
        peer = self.accepted(listener)
        self.assertEqual(sorted(op.line for op in peer.dump),
                         ["RS+ $G bar.* q1 2", "RS+ $G bar.* q2 1", "RS+ $G foo"])  # fmt: skip

    def test_a_dialer_tries_until_somebody_listens(self):
        listener = self.listener()
        server = self.member(routes=[listener.url])
        first = listener.accept()
        first.close()
        peer = self.accepted(listener)
        self.check_routed(server, peer)

    def test_a_lost_route_is_dialed_again(self):
        listener = self.listener()
        server = self.member(routes=[listener.url])
        for _ in range(2):
            peer = self.accepted(listener)
            self.check_routed(server, peer)
            peer.close()


class KeepAliveTest(SetupCase):
    def test_the_times_of_the_cluster_block(self):
        """Those of the server would take minutes."""
        if not self.kind().pools:
            self.skipTest("the keys came with 2.10")
        server = self.member(cluster_settings='  ping_interval: "200ms"\n  ping_max: 1')
        peer = self.dialed(server)
        peer.send_connect()
        peer.send_info()
        # Nothing is answered.
        content = peer.read_to_end()
        self.assertIn(b"PING\r\n", content)
        self.assertIn(b"-ERR 'Stale Connection'", content)


class DuplicateTest(SetupCase):
    def test_the_first_registered_wins(self):
        server = self.member()
        first = self.peer(server)
        second = self.dialed(server, server_id=first.server_id, server_name=first.name)
        second.send_connect()
        second.send_info()
        second.read_until_end()
        self.assertEqual([r["remote_id"] for r in server.get("/routez")["routes"]], [first.server_id])
        self.check_routed(server, first)

    def test_a_solicited_duplicate_makes_the_kept_one_configured(self):
        """The server dials a peer that has joined it already; it gives up the new connection, and when
        the kept one is lost it dials again."""
        listener = self.listener()
        server = self.member(routes=[listener.url], cluster_settings=self.one_route())
        attempt = listener.accept(cluster_name=self.cluster_name())
        kept = self.peer(server, server_id=listener.server_id, server_name="scripted", port=listener.port)
        attempt.send_info(server_name="scripted")
        ops = attempt.read_until_end()
        self.assertFalse([op for op in ops if op.verb.startswith("RS")], ops)
        attempt.close()
        (route,) = server.get("/routez")["routes"]
        self.assertEqual((route["did_solicit"], route["is_configured"]), (True, True))
        self.check_routed(server, kept)
        kept.close()
        again = self.accepted(listener, server_name="scripted")
        self.check_routed(server, again)

    def test_a_route_to_itself_is_given_up(self):
        server = self.member(start=False)
        server.routes = [server.route_url]
        server.start()
        server.log.wait("Router connection closed")
        self.wait_for(lambda: server.get("/routez")["num_routes"] == 0, "no route to itself")
        self.check_serves(server)

    def test_a_peer_with_the_id_of_the_server_is_refused(self):
        server = self.member()
        peer = self.dialed(server, server_id=server.id)
        peer.send_connect()
        peer.send_info()
        peer.read_until_end()
        self.assertEqual(server.get("/routez")["num_routes"], 0)


if __name__ == "__main__":
    cluster.main()

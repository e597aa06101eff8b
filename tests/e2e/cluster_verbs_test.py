#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Small parts of the protocol of routes: verbs without effect, verbose peers, retries of what gossip told."""

from support import cluster
from support.cluster import HeldPort
from support.route_peer import PeerCase, new_id


class VerbsTest(PeerCase):
    def test_verbs_of_gateways_have_no_effect(self):
        server = self.member()
        peer = self.peer(server)
        peer.send("A+ $G\r\nA- $G\r\na+ X\r\n+OK\r\nPONG\r\n")
        self.check_routed(server, peer)

    def test_bare_line_feeds(self):
        server = self.member()
        peer = self.peer(server)
        wire = self.client(server)
        wire.send("SUB foo 1\r\n")
        wire.expect_quiet()
        peer.drain()
        peer.send("RS+ $G bar\nPING\nRMSG $G foo 1\nx\r\n")
        self.assertEqual(peer.read_op().line, "PONG")
        wire.expect_message("foo", 1, b"x")
        wire.send("PUB bar 0\r\n\r\n")
        peer.expect_op("RMSG $G bar 0", b"")

    def test_a_verbose_peer_is_told_ok(self):
        """Of its subscriptions; CONNECT and INFO are answered by nothing."""
        server = self.member()
        peer = self.peer(server, connect={"verbose": True})
        self.assertEqual(peer.dump, [])
        peer.send("RS+ $G x\r\n")
        peer.expect(b"+OK\r\n")
        self.check_routed(server, peer)

    def test_info_may_come_again(self):
        """Nothing new in it: nothing happens."""
        server = self.member()
        peer = self.peer(server)
        for _ in range(3):
            peer.send_info()
        peer.expect_quiet()
        self.check_routed(server, peer)

    def test_connect_may_come_without_info_for_a_while(self):
        server = self.member()
        peer = self.dialed(server)
        peer.read_op()
        peer.send_connect()
        peer.expect_quiet()
        self.assertEqual(server.get("/varz")["remotes"], 0)
        peer.send_info()
        peer.drain()
        self.check_routed(server, peer)


class RetriesTest(PeerCase):
    def test_what_gossip_told_is_tried_as_often_as_set(self):
        held = HeldPort()
        self.addCleanup(held.release)
        server = self.member(cluster_settings="connect_retries: 100\n")
        route = self.peer(server)
        route.send_info(server_id=new_id(), server_name="third", port=held.number,
                        ip=f"nats-route://127.0.0.1:{held.number}/")  # fmt: skip
        server.log.wait(r"Error trying to connect to route \(attempt 1\)")
        held.socket.listen()
        held.socket.settimeout(20)
        connection, _ = held.socket.accept()
        connection.close()


if __name__ == "__main__":
    cluster.main()

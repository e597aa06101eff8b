#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A route that does not read, breaks off or floods harms itself, and nobody else."""

import time

from support import cluster
from support.case import resident_bytes
from support.route_peer import PeerCase, RoutePeer

PAYLOAD = b"x" * 65536


class StuckPeerTest(PeerCase):
    def stuck(self, server):
        """A registered peer that stops to read, with interest in everything."""
        peer = RoutePeer(server.route_port, receive_bytes=4096).setup(cluster_name=server.cluster_name)
        self.addCleanup(peer.close)
        peer.send_connect()
        peer.send_info()
        peer.read_registered()
        peer.send("RS+ $G flood\r\n")
        peer.drain()
        return peer

    def test_a_peer_that_does_not_read_is_closed(self):
        """After write_deadline or max_pending, whichever comes first; the others get all of it."""
        server = self.member(settings='write_deadline: "1s"\nmax_pending: 8388608\n')
        stuck, other = self.stuck(server), self.peer(server)
        other.send("RS+ $G flood\r\n")
        other.drain()
        sender, local = self.client(server), self.client(server)
        local.send("SUB flood 1\r\n")
        local.expect_quiet()
        while other.read_op().line != "RS+ $G flood":
            pass
        frame = b"PUB flood %d\r\n" % len(PAYLOAD) + PAYLOAD + b"\r\n"
        end = time.monotonic() + 60
        sent = 0
        while stuck.server_id in server.remote_ids():
            self.assertLess(time.monotonic(), end, "the stuck route is still there")
            for _ in range(20):
                sender.send(frame)
                local.expect_message("flood", 1, PAYLOAD)
                other.expect_op(f"RMSG $G flood {len(PAYLOAD)}", PAYLOAD)
                sent += 1
        sender.expect_quiet()
        other.drain()
        self.check_routed(server, other)
        self.assertGreater(sent, 0)
        server.log.wait("Slow Consumer|slow consumer|Router connection closed")

    def test_a_stuck_peer_costs_no_more_than_its_limit(self):
        if self.kind().is_go and self.kind().pools:
            self.skipTest("since 2.10 the limit does not end routes")
        server = self.member(settings='write_deadline: "5s"\nmax_pending: 16777216\n')
        before = resident_bytes(server.pid)
        stuck = self.stuck(server)
        sender = self.client(server)
        frame = b"PUB flood %d\r\n" % len(PAYLOAD) + PAYLOAD + b"\r\n"
        for _ in range(2000):
            sender.send(frame)
            if stuck.server_id not in server.remote_ids():
                break
        else:
            self.fail("2000 times 64 KiB wait for a peer that does not read")
        sender.expect_quiet()
        self.assertLess(resident_bytes(server.pid) - before, 200 << 20)
        self.check_serves(server)


class BrokenPeerTest(PeerCase):
    def test_a_reset_in_the_middle_of_a_message(self):
        server = self.member()
        wire = self.client(server)
        wire.send("SUB foo 1\r\n")
        wire.expect_quiet()
        for _ in range(20):
            peer = self.peer(server)
            peer.send(b"RMSG $G foo 100000\r\n" + b"x" * 50000)
            peer.reset()
        self.wait_for(lambda: server.get("/varz")["remotes"] == 0, "all are gone")
        wire.expect_quiet()
        self.check_routed(server, self.peer(server))

    def test_interest_of_a_peer_that_resets_is_gone(self):
        server = self.member()
        for _ in range(5):
            peer = self.peer(server)
            peer.send("".join(f"RS+ $G many.{i}\r\n" for i in range(1000)))
            peer.drain()
            peer.reset()
        self.wait_for(lambda: server.get("/varz")["remotes"] == 0, "all are gone")
        self.wait_for(lambda: server.get("/subsz")["num_subscriptions"] < 1000, "so is their interest")

    def test_a_storm_of_peers(self):
        server = self.member()
        for _ in range(10):
            peers = [self.dialed(server) for _ in range(10)]
            for peer in peers:
                peer.send_connect()
                peer.send_info()
            for peer in peers:
                peer.read_op()
                peer.close()
        self.wait_for(lambda: server.get("/varz")["routes"] == 0, "all are gone")
        self.check_routed(server, self.peer(server))

    def test_a_flood_of_messages_keeps_clients_alive(self):
        server = self.member()
        peer = self.peer(server)
        wire = self.client(server)
        wire.send("SUB foo 1\r\n")
        wire.expect_quiet()
        for _ in range(50):
            peer.send(b"RMSG $G nobody 65536\r\n" + PAYLOAD + b"\r\n")
        peer.send("RMSG $G foo 1\r\nx\r\n")
        wire.expect_message("foo", 1, b"x")
        self.check_serves(server)

    def test_more_than_clients_may_send(self):
        """max_payload is not applied to routes."""
        server = self.member(settings="max_payload: 1000\n")
        peer = self.peer(server)
        wire = self.client(server)
        wire.send("SUB foo 1\r\n")
        wire.expect_quiet()
        peer.drain()
        peer.send(b"RMSG $G foo 65536\r\n" + PAYLOAD + b"\r\n")
        wire.expect_message("foo", 1, PAYLOAD)


if __name__ == "__main__":
    cluster.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Peers since 2.10 open several connections to a server; with one that does not they get by with one.

What they say was captured from 2.10.14. Servers that pool themselves are left out here.
"""

from support import cluster
from support.route_peer import PeerCase, dial, new_id

POOL = {"route_pool_size": 3, "compression": "accept", "lnoc": True, "version": "2.10.14"}
REFUSAL = "-ERR 'Not possible to have a dedicated route for account \"$SYS\" between those servers'\r\n"


class PoolCase(PeerCase):
    def setUp(self):
        if self.kind().pools:
            self.skipTest("the server pools itself")


class DialingPeerTest(PoolCase):
    def dial_twice(self, server):
        """The connection of the $SYS account, and the one for everything else."""
        fields = {"server_id": new_id(), "server_name": "pools", "cluster_name": server.cluster_name, **POOL}
        pair = [dial(server, **fields), dial(server, **fields)]
        for peer in pair:
            self.addCleanup(peer.close)
            peer.send_connect()
        return pair

    def test_the_common_connection_comes_first(self):
        server = self.member()
        pinned, common = self.dial_twice(server)
        self.assertNotIn("route_pool_size", pinned.read_op().json)
        common.send_info()
        common.read_registered()
        pinned.send_info(route_account="$SYS")
        pinned.send(REFUSAL)
        pinned.read_until_end()
        self.check_routed(server, common)
        self.assertEqual([route["remote_id"] for route in server.get("/routez")["routes"]], [common.server_id])

    def test_the_connection_of_an_account_comes_first(self):
        """It must not be taken for the route: the peer gives it up, and the common one would be a duplicate."""
        if self.kind().is_go:
            self.skipTest("2.9 and before take whichever comes first")
        server = self.member()
        pinned, common = self.dial_twice(server)
        pinned.read_op()
        pinned.send_info(route_account="$SYS")
        pinned.send(REFUSAL)
        self.assertFalse([op for op in pinned.read_until_end() if op.verb in ("-ERR", "RS+")])
        common.send_info()
        common.read_registered()
        self.check_routed(server, common)
        self.assertEqual([route["remote_id"] for route in server.get("/routez")["routes"]], [common.server_id])

    def test_a_peer_that_could_compress(self):
        server = self.member()
        for mode in ("off", "s2_fast", "s2_auto", "not supported", "nonsense"):
            peer = self.peer(server, **{**POOL, "compression": mode})
            self.check_routed(server, peer)
            peer.close()


class ListeningPeerTest(PoolCase):
    def test_a_peer_that_pools_is_dialed_once(self):
        listener = self.listener()
        server = self.member(routes=[listener.url])
        peer = self.accepted(listener, server_name="pools", **POOL)
        for key in ("route_pool_size", "route_pool_idx", "route_account"):
            self.assertNotIn(key, peer.peer)
        self.check_routed(server, peer)
        self.assertEqual(len(server.get("/routez")["routes"]), 1)

    def test_gossip_about_connections_of_accounts_is_ignored(self):
        if self.kind().is_go:
            self.skipTest("2.9 and before know no such key")
        server = self.member()
        route = self.peer(server)
        pinned, common = self.listener(), self.listener()
        route.send_info(server_id=pinned.server_id, server_name="third", ip=pinned.url + "/",
                        port=pinned.port, route_account="$SYS", **POOL)  # fmt: skip
        route.send_info(server_id=common.server_id, server_name="fourth", ip=common.url + "/",
                        port=common.port, **POOL)  # fmt: skip
        self.accepted(common, server_name="fourth")
        pinned.socket.setblocking(False)
        with self.assertRaises(BlockingIOError):
            pinned.socket.accept()


if __name__ == "__main__":
    cluster.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What servers of a cluster tell each other of their leafnodes, and whom of a queue group they prefer."""

from support import cluster
from support.leaf_peer import LeafPeer
from support.route_peer import PeerCase

MARKS = {"lnoc": True, "lnocu": True}  # of a leafnode's cluster; 2.10.23
NEWEST = {**MARKS, "ln": True}  # of leafnodes without a cluster, too; 2.15
IMPORTS = """
leafnodes { listen: 127.0.0.1:-1, authorization { account: A } }
accounts {
  A { users: [ { user: a, password: a } ], imports: [ { service: { account: X, subject: foo } } ] }
  X { exports: [ { service: foo } ] }
}
no_auth_user: a
"""


class LeafCase(PeerCase):
    settings = "leafnodes { listen: 127.0.0.1:-1 }"

    def setUp(self):
        self.server = self.member(settings=self.settings)
        if self.kind().is_go and self.kind().number < (2, 15):
            self.skipTest("ln came with 2.15")
        self.leaf_port = int(self.server.log.wait(r"Listening for leafnode connections on \S+:(\d+)")[0].group(1))

    def leaf(self, cluster):
        leaf = LeafPeer(self.leaf_port).setup_spoke(cluster=cluster)
        self.addCleanup(leaf.close)
        leaf.join_hub()
        return leaf

    def told(self, asks, peer):
        """What the peer is told of what was said there before. A line that withdraws may say what holds anyway."""
        asks.drain() if isinstance(asks, LeafPeer) else asks.expect_quiet()
        return [op.line for op in peer.drain() if op.verb != "INFO"]

    def wanted(self, asks, peer):
        return [line for line in self.told(asks, peer) if not line.startswith("RS-")]

    def marked_peer(self, name, **marks):
        return self.peer(self.server, server_name=name, connect=marks, **marks)


class TellingTest(LeafCase):
    def test_leafnodes_without_a_cluster(self):
        newest, older = self.marked_peer("newest", **NEWEST), self.marked_peer("older", **MARKS)
        for peer in (newest, older):
            peer.drain()
        leaf, client = self.leaf(None), self.client(self.server)
        leaf.send("LS+ foo\r\nLS+ bar q 2\r\n")
        self.assertEqual(self.wanted(leaf, newest), ["LS+ _ $G foo", "LS+ _ $G bar q 2"])
        older.expect_ops("RS+ $G foo", "RS+ $G bar q 2")
        client.send("SUB foo 1\r\n")
        self.assertIn("RS+ $G foo", self.told(client, newest))
        late = self.marked_peer("late", **NEWEST)
        told = sorted(op.line for op in late.dump if op.verb != "INFO")
        self.assertEqual(told, ["LS+ _ $G bar q 2", "LS+ _ $G foo", "RS+ $G foo"])
        for peer in (newest, older):
            peer.drain()
        leaf.send("LS- foo\r\nLS- bar q\r\n")
        withdrawn = self.told(leaf, newest)
        self.assertIn("LS- _ $G bar q", withdrawn)
        if not self.kind().is_go:  # which withdraws what the client wants, too
            older.expect_op("RS- $G bar q")
        client.send("UNSUB 1\r\n")
        withdrawn += self.told(client, newest)
        self.assertIn("LS- _ $G foo", withdrawn)
        self.assertEqual(withdrawn[-1], "RS- $G foo")
        self.assertEqual(older.drain()[-1].line, "RS- $G foo")

    def test_a_leafnode_of_a_cluster_is_told_by_its_name(self):
        newest = self.marked_peer("newest", **NEWEST)
        newest.drain()
        leaf = self.leaf("EDGE")
        leaf.send("LS+ foo\r\n")
        self.assertEqual(self.wanted(leaf, newest), ["LS+ EDGE $G foo"])
        leaf.close()
        self.wait_for(lambda: "LS- EDGE $G foo" in [op.line for op in newest.drain()], "its interest has gone")

    def test_clients_and_leafnodes_of_clusters_are_told_apart(self):
        """Whoever comes first: a server drops what a cluster sends where only that cluster wants it."""
        peer = self.marked_peer("peer", **MARKS)
        peer.drain()
        one, two, client = self.leaf("ONE"), self.leaf("TWO"), self.client(self.server)
        one.send("LS+ foo\r\n")
        peer.expect_op("LS+ ONE $G foo")
        client.send("SUB foo 1\r\n")
        self.assertIn("RS+ $G foo", self.told(client, peer))
        two.send("LS+ foo\r\n")
        told = self.told(two, peer)  # at the latest when the client, whose interest covers it, has gone
        client.send("UNSUB 1\r\n")
        told += self.told(client, peer)
        self.assertIn("LS+ TWO $G foo", told)
        self.assertEqual(told[-1], "RS- $G foo")
        one.send("LS- foo\r\n")
        self.assertIn("LS- ONE $G foo", self.told(one, peer))
        late = self.marked_peer("late", **MARKS)
        self.assertEqual([op.line for op in late.dump if op.verb != "INFO"], ["LS+ TWO $G foo"])

    def test_the_name_is_reserved(self):
        peer = self.dialed(self.server, cluster_name="_")
        peer.send_connect()
        errors = [op.line for op in peer.read_until_end() if op.verb == "-ERR"]
        self.assertEqual(errors, ["-ERR 'Rejecting connection, cluster name \"_\" is reserved'"])
        self.server.log.wait("connection closed: Cluster Name Conflict")


class ImportTest(LeafCase):
    settings = IMPORTS

    def test_a_service_import_hides_nobody_who_wants_the_same(self):
        """An import is told to leafnodes alone; of clients, and of leafnodes, other servers need to know."""
        peer = self.marked_peer("peer", **MARKS)
        peer.drain()
        one, two, client = self.leaf("ONE"), self.leaf("TWO"), self.client(self.server)
        one.send("LS+ foo\r\n")
        self.assertEqual(self.wanted(one, peer), ["LS+ ONE A foo"])
        two.send("LS+ foo\r\n")
        self.assertIn("LS+ TWO A foo", self.told(two, peer))
        client.send("SUB foo 1\r\n")
        self.assertIn("RS+ A foo", self.told(client, peer))
        client.send("UNSUB 1\r\n")
        self.assertIn("RS- A foo", self.told(client, peer))


class PreferenceTest(LeafCase):
    """Members of a queue group that are leafnodes of another server come after its clients and one's own."""

    def check_all_go_to(self, wanted, *others, count=40):
        client = self.client(self.server)
        for _ in range(count):
            client.send("PUB job 1\r\nx\r\n")
        client.expect_quiet()
        for _ in range(count):
            op = wanted.read_op()
            self.assertEqual(op.fields[-3:], ["|", "q", "1"])
        for peer in (wanted, *others):
            peer.expect_quiet()

    def test_a_client_of_another_server_comes_first(self):
        near, far = self.marked_peer("near", **NEWEST), self.marked_peer("far", **NEWEST)
        near.drain()
        far.send("LS+ _ $G job q 9\r\nLS+ EDGE $G job q 9\r\n")
        near.send("RS+ $G job q 1\r\n")
        for peer in (near, far):
            peer.expect_quiet()
        self.check_all_go_to(near, far)
        near.send("RS- $G job q\r\n")
        near.expect_quiet()
        self.check_all_go_to(far, near)

    def test_what_came_over_a_route_stays_with_the_own_leafnode(self):
        near, far = self.marked_peer("near", **NEWEST), self.marked_peer("far", **NEWEST)
        near.drain()
        leaf = self.leaf(None)
        leaf.send("LS+ job q 1\r\n")
        for peer in (near, far):
            self.assertEqual(self.wanted(leaf, peer), ["LS+ _ $G job q 1"])
        far.send("LS+ _ $G job q 9\r\n")
        far.expect_quiet()
        leaf.drain()
        for _ in range(40):
            near.send("RMSG $G job | q 1\r\nx\r\n")
        near.expect_quiet()
        for _ in range(40):
            leaf.expect_op("LMSG job | q 1", b"x")
        far.expect_quiet()


if __name__ == "__main__":
    cluster.main()

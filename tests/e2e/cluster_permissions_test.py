#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cluster permissions: `import` limits what a server asks routes for, `export` what it gives them.

The last case is the sample of the READMEs: sensors report to the cloud, and nothing comes back.
"""

from support import cluster
from support.route_peer import PeerCase


class ImportTest(PeerCase):
    def setUp(self):
        self.server = self.member(
            cluster_settings='permissions { import: { allow: ["in.>", "_INBOX.>"], deny: "in.secret.>" } }\n'
        )
        self.route = self.peer(self.server)
        self.wire = self.client(self.server)

    def test_info_tells_of_it(self):
        self.assertEqual(self.route.peer["import"], {"allow": ["in.>", "_INBOX.>"], "deny": ["in.secret.>"]})
        self.assertIsNone(self.route.peer.get("export"))
        self.assertEqual(self.server.get("/routez")["import"], self.route.peer["import"])

    def test_only_what_may_be_imported_is_asked_for(self):
        self.wire.send("SUB other 1\r\nSUB in.a 2\r\nSUB in.secret.x 3\r\nSUB in.b q 4\r\nSUB other q 5\r\n")
        self.wire.send("UNSUB 1\r\nUNSUB 5\r\nUNSUB 3\r\n")
        self.wire.expect_quiet()
        self.route.expect_ops("RS+ $G in.a", "RS+ $G in.b q 1")
        self.route.expect_quiet()

    def test_those_there_before_are_sorted_out_too(self):
        self.wire.send("SUB other 1\r\nSUB in.a 2\r\n")
        self.wire.expect_quiet()
        self.assertEqual([op.line for op in self.peer(self.server).dump], ["RS+ $G in.a"])

    def test_everything_may_be_exported(self):
        self.route.send("RS+ $G other\r\n")
        self.route.drain()
        self.wire.send("PUB other 1\r\nx\r\n")
        self.route.expect_op("RMSG $G other 1", b"x")


class ExportTest(PeerCase):
    def setUp(self):
        self.server = self.member(
            cluster_settings='permissions { export: { allow: ["out.>", "_INBOX.>"], deny: "out.secret" } }\n'
        )
        self.route = self.peer(self.server)
        self.wire = self.client(self.server)

    def publish(self, *subjects):
        for subject in subjects:
            self.wire.send(f"PUB {subject} 1\r\nx\r\n")
        self.wire.expect_quiet()

    def test_info_tells_of_it(self):
        self.assertEqual(self.route.peer["export"], {"allow": ["out.>", "_INBOX.>"], "deny": ["out.secret"]})
        self.assertIsNone(self.route.peer.get("import"))

    def test_only_what_may_be_exported_is_given(self):
        self.route.send("RS+ $G other\r\nRS+ $G out.a\r\nRS+ $G out.secret\r\nRS+ $G other q 1\r\n")
        self.assertEqual(self.route.drain(), [])
        self.publish("other", "out.secret", "out.a")
        self.route.expect_op("RMSG $G out.a 1", b"x")
        self.route.expect_quiet()

    def test_a_wildcard_over_what_is_denied(self):
        """Interest in more than may be given: each message is looked at."""
        self.route.send("RS+ $G out.*\r\n")
        self.route.drain()
        self.publish("out.secret", "out.a")
        self.route.expect_op("RMSG $G out.a 1", b"x")
        self.route.expect_quiet()

    def test_everything_may_be_imported(self):
        self.wire.send("SUB other 1\r\n")
        self.wire.expect_quiet()
        self.route.expect_op("RS+ $G other")


class SampleTest(PeerCase):
    EDGE = """permissions {
        import: ["_INBOX.>", "global.>", "sync.>"]
        export: ["_INBOX.>", "global.>", "sync.>", "sensors.>"] }
    """
    CLOUD = """permissions {
        import: ["_INBOX.>", "global.>", "sync.>", "sensors.>"]
        export: ["_INBOX.>", "global.>", "sync.>"] }
    """

    def test_sensors_report_to_the_cloud(self):
        edge = self.member(0, cluster_settings=self.EDGE)
        cloud = self.member(1, cluster_settings=self.CLOUD, routes=[edge.route_url])
        cluster.Cluster(self, [edge, cloud]).wait_mesh()
        sensor, center = self.client(edge), self.client(cloud)
        for wire in (sensor, center):
            wire.send("SUB sensors.* 1\r\nSUB global.* 2\r\nSUB local 3\r\n")
        self.sync(sensor, center)
        self.sync(center, sensor)
        sensor.send("PUB sensors.a 1\r\ns\r\nPUB global.a 1\r\ng\r\nPUB local 1\r\nl\r\n")
        sensor.expect_message("sensors.a", 1, b"s")
        sensor.expect_message("global.a", 2, b"g")
        sensor.expect_message("local", 3, b"l")
        center.expect_message("sensors.a", 1, b"s")
        center.expect_message("global.a", 2, b"g")
        center.send("PUB sensors.b 1\r\nS\r\nPUB global.b 1\r\nG\r\n")
        center.expect_message("sensors.b", 1, b"S")
        center.expect_message("global.b", 2, b"G")
        sensor.expect_message("global.b", 2, b"G")
        for one, other, inbox in ((sensor, center, "_INBOX.s"), (center, sensor, "_INBOX.c")):
            one.send(f"SUB {inbox} 9\r\n")
            self.sync(one, other)
            other.send(f"PUB {inbox} 1\r\nr\r\n")
            one.expect_message(inbox, 9, b"r")
        sensor.expect_quiet()
        center.expect_quiet()

    def test_permissions_within_authorization(self):
        """The old place, where the READMEs before 2.0 have them."""
        settings = "authorization { user: r, password: p, timeout: 5, %s }\n" % self.EDGE
        server = self.member(cluster_settings=settings)
        route = self.peer(server, connect={"user": "r", "pass": "p"})
        self.assertEqual(route.peer["import"]["allow"], ["_INBOX.>", "global.>", "sync.>"])


if __name__ == "__main__":
    cluster.main()

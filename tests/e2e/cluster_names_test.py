#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Names of clusters and servers: who may join whom, and how generated names give way."""

import json

from support import case, cluster
from support.route_peer import PeerCase


class NamesCase(PeerCase):
    def setUp(self):
        if not self.kind().names_clusters:
            self.skipTest("servers before 2.2 know no cluster names")


class ConfiguredNameTest(NamesCase):
    def setUp(self):
        super().setUp()
        self.server = self.member(cluster_name="C1")

    def check_refused(self, name):
        route = self.dialed(self.server, cluster_name=name)
        route.send_connect()
        route.send_info()
        said = [op.line for op in route.read_until_end() if op.verb == "-ERR"]
        text = f'Rejecting connection, cluster name "{name}" does not match "C1"'
        self.assertEqual(said, [f"-ERR '{text}'"])
        self.server.log.wait("Cluster Name Conflict")
        self.assertEqual(self.server.get("/varz")["remotes"], 0)

    def test_the_same_name(self):
        self.check_routed(self.server, self.peer(self.server))

    def test_another_name(self):
        self.check_refused("other")

    def test_no_name(self):
        """What servers before 2.2 say."""
        self.check_refused("")

    def test_another_name_that_is_generated(self):
        route = self.dialed(self.server, cluster_name="AAAA")
        route.send_connect(cluster_dynamic=True)
        said = [op.line for op in route.read_until_end() if op.verb == "-ERR"]
        self.assertEqual(said, ["-ERR 'Rejecting connection, cluster name \"AAAA\" does not match \"C1\"'"])

    def test_another_name_in_info_only(self):
        route = self.dialed(self.server, cluster_name="C1")
        route.send_connect()
        route.send_info(cluster="other")
        said = [op.line for op in route.read_until_end() if op.verb == "-ERR"]
        self.assertEqual(said, [])
        self.server.log.wait("Cluster Name Conflict")

    def test_no_name_in_info(self):
        route = self.peer(self.server, cluster=None)
        self.check_routed(self.server, route)

    def test_a_listener_with_another_name(self):
        listener = self.listener()
        server = self.member(routes=[listener.url], cluster_name="C1")
        route = listener.accept(cluster_name="other")
        route.send_info()
        said = [op.line for op in route.read_until_end() if op.verb == "-ERR"]
        self.assertEqual(said, [])
        server.log.wait("Cluster Name Conflict")

    def test_a_listener_without_a_name(self):
        """An old server that is dialed does not mind."""
        listener = self.listener()
        server = self.member(routes=[listener.url], cluster_name="C1")
        route = self.accepted(listener, cluster=None, headers=None, server_name=None)
        self.assertEqual(route.connect_op.json["cluster"], "C1")
        self.assertNotIn("cluster_dynamic", route.connect_op.json)
        self.check_routed(server, route)


class GeneratedNameTest(NamesCase):
    def setUp(self):
        super().setUp()
        self.server = self.member(cluster_name="")

    def own_name(self):
        return self.dialed(self.server).read_op().json["cluster"]

    def test_a_name_is_generated(self):
        info = self.dialed(self.server).read_op().json
        self.assertIs(info["cluster_dynamic"], True)
        self.assertEqual(len(info["cluster"]), 22)
        self.assertEqual(self.server.get("/varz")["cluster"]["name"], info["cluster"])

    def test_a_configured_name_is_adopted(self):
        route = self.peer(self.server, cluster_name="named")
        self.check_routed(self.server, route)
        self.assertEqual(self.own_name(), "named")
        if not case.Options.reference:  # which shows its former name there
            self.assertEqual(self.server.get("/varz")["cluster"]["name"], "named")

    def test_mappings_follow_an_adopted_name(self):
        server = self.member(
            1, cluster_name="", settings="mappings = { a: [{destination: b, weight: 100%, cluster: named}] }"
        )
        wire = self.client(server)
        wire.send("SUB * 1\r\n")

        def mapped():
            wire.send("PUB a 0\r\n\r\n")
            line = wire.read_line()
            wire.expect("\r\n")
            return line.split()[1] == b"b"

        self.assertFalse(mapped())
        self.check_routed(server, self.peer(server, cluster_name="named"))
        self.wait_for(mapped, "the mapping of the cluster")

    def test_a_greater_generated_name_is_adopted(self):
        name = "z" * 22
        route = self.peer(self.server, cluster_name=name, connect={"cluster_dynamic": True}, cluster_dynamic=True)
        self.check_routed(self.server, route)
        self.assertEqual(self.own_name(), name)

    def test_a_lesser_generated_name_is_refused(self):
        own = self.own_name()
        route = self.dialed(self.server, cluster_name="!" * 22)
        route.send_connect(cluster_dynamic=True)
        said = [op.line for op in route.read_until_end() if op.verb == "-ERR"]
        text = f'Rejecting connection, cluster name "{"!" * 22}" does not match "{own}"'
        self.assertEqual(said, [f"-ERR '{text}'"])
        self.assertEqual(self.own_name(), own)

    def test_a_server_without_a_name_may_join(self):
        """RC19 dials."""
        route = self.peer(self.server, cluster_name="", cluster=None, connect={"cluster": None})
        self.check_routed(self.server, route)


class NameInEventsTest(NamesCase):
    def setUp(self):
        super().setUp()
        self.server = self.member(cluster_name="", settings=cluster.ACCOUNTS)

    def own_name(self):
        return self.dialed(self.server).read_op().json["cluster"]

    def check_events_name(self, name):
        """Requests under $SYS find the server by the name that it has now, and its answers say it."""
        wire = self.client(self.server, user="sys", **{"pass": "sys"})
        body = json.dumps({"cluster": name})
        wire.send(f"SUB inbox 1\r\nPUB $SYS.REQ.SERVER.PING.VARZ inbox {len(body)}\r\n{body}\r\n")
        head = wire.read_line().split()
        answer = json.loads(wire.read(int(head[-1]) + 2)[:-2])
        self.assertEqual(answer["server"]["cluster"], name)

    def test_events_have_the_name(self):
        self.check_events_name(self.own_name())
        self.peer(self.server, cluster_name="named")
        self.wait_for(lambda: self.own_name() == "named", "the name is adopted")
        self.check_events_name("named")


class MixedNameTest(NamesCase):
    """Servers among themselves; those before 2.2 are left out."""

    def setUp(self):
        for kind in self.kinds():
            if not kind.names_clusters:
                self.skipTest("servers before 2.2 know no cluster names")

    def test_three_with_generated_names(self):
        servers = self.cluster(3, cluster_name="")
        names = {self.dialed(server).read_op().json["cluster"] for server in servers}
        self.assertEqual(len(names), 1)

    def test_one_configured_name_is_enough(self):
        first = self.member(0, cluster_name="")
        second = self.member(1, routes=[first.route_url], cluster_name="named")
        cluster.Cluster(self, [first, second]).wait_mesh()
        third = self.member(2, routes=[first.route_url], cluster_name="named")
        cluster.Cluster(self, [first, second, third]).wait_mesh()
        for server in (first, second, third):
            self.assertEqual(self.dialed(server).read_op().json["cluster"], "named")

    def test_a_generated_name_dials_a_configured_one(self):
        """It is refused, learns the name and comes again."""
        first = self.member(0, cluster_name="named")
        second = self.member(1, routes=[first.route_url], cluster_name="")
        cluster.Cluster(self, [first, second]).wait_mesh()
        self.assertEqual(self.dialed(second).read_op().json["cluster"], "named")

    def test_different_configured_names_never_join(self):
        first = self.member(0, cluster_name="C1")
        second = self.member(1, routes=[first.route_url], cluster_name="C2")
        first.log.wait("Cluster Name Conflict")
        second.log.wait('cluster name .{1,2}C2.{1,2} does not match .{1,2}C1')
        self.assertEqual((first.get("/varz")["remotes"], second.get("/varz")["remotes"]), (0, 0))


class ServerNameTest(NamesCase):
    def test_the_name_of_the_server_itself(self):
        server = self.member()
        other = self.peer(server)
        twin = self.dialed(server, server_name=server.name)
        twin.send_connect()
        twin.send_info()
        self.assertFalse([op for op in twin.read_until_end() if op.verb == "-ERR"])
        server.log.wait(f'Remote server has a duplicate name: "{server.name}"')
        server.log.wait("Router connection closed: Duplicate Server Name")
        self.assertEqual(server.remote_ids(), {other.server_id})

    def test_two_others_of_one_name(self):
        server = self.member()
        first, second = self.peer(server, server_name="twin"), self.peer(server, server_name="twin")
        self.assertEqual(server.remote_ids(), {first.server_id, second.server_id})

    def test_no_name(self):
        server = self.member()
        self.check_routed(server, self.peer(server, server_name=None))


if __name__ == "__main__":
    cluster.main()

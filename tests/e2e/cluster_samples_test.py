#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The clusters that the READMEs of gnatsd and nats-server build, by their command lines and configurations.

Ports aside: where they print one, a free one is taken, the same for the same.
"""

import os
import re

from support import cluster
from support.cluster import MONITORING, ROUTES_LISTENING, Cluster, HeldPort, Member
from support.route_peer import PeerCase
from support.server import LISTENING, READY, Server

SEED_CONFIG = """
# Cluster Seed Node

listen: 127.0.0.1:4222
http: 8222

cluster {
  listen: 127.0.0.1:4248
}
"""
SEED_CONFIG_APART = SEED_CONFIG.replace("listen: 127.0.0.1:4248", "host: 127.0.0.1\n  port: 4248")
SEED = "-p 4222 -cluster nats://localhost:4248 -D"
SECOND = "-p 5222 -cluster nats://localhost:5248 -routes nats://localhost:4248 -D"
THIRD = "-p 6222 -cluster nats://localhost:6248 -routes nats://localhost:4248 -D"


class SamplesTest(PeerCase):
    def setUp(self):
        names = ("4222", "4248", "5222", "5248", "6222", "6248", "8222")
        held = [HeldPort() for _ in names]
        for port in held:
            self.addCleanup(port.release)
        self.ports = {name: str(port.number) for name, port in zip(names, held)}
        self.work = self.folder()

    def with_own_ports(self, text):
        return re.sub(r"\b[4568]2(22|48)\b", lambda match: self.ports[match[0]], text)

    def run_line(self, line, index, monitor=True):
        kind = self.kind(index)
        server = Server(kind.binary)
        self.addCleanup(server.close)
        monitoring = "-m -1" if monitor else ""
        arguments = " ".join([*kind.args, monitoring, self.with_own_ports(line)])
        server.spawn(["bash", "-c", f"cd {self.work} && exec {server.binary} -a 127.0.0.1 {arguments}"])
        server.port = int(server.log.wait(LISTENING)[0].group(2))
        server.route_port = int(server.log.wait(ROUTES_LISTENING)[0].group(2))
        server.monitor_port = int(server.log.wait(MONITORING)[0].group(2))
        server.log.wait(READY)
        server.kind, server.name, server.cluster_name = kind, line, ""
        server.id = Member.get(server, "/varz")["server_id"]
        server.get = lambda path: Member.get(server, path)
        server.remote_ids = lambda: Member.remote_ids(server)
        return server

    def check_cluster(self, servers):
        Cluster(self, servers).wait_mesh()
        subscriber = self.client(servers[1])
        subscriber.send("SUB foo 1\r\n")
        others = [self.client(servers[0]), self.client(servers[2])]
        self.sync(subscriber, *others)
        for wire in others:
            wire.send("PUB foo 2\r\nhi\r\n")
            subscriber.expect_message("foo", 1, b"hi")

    def skip_where_old_dial(self):
        if len({kind.names_clusters for kind in self.kinds()}) > 1:
            self.skipTest("generated names of clusters, and servers that have none")

    def test_three_nodes(self):
        """The log is the one of the READMEs."""
        self.skip_where_old_dial()
        seed = self.run_line(SEED, 0)
        second = self.run_line(SECOND, 1)
        own = self.ports["4248"]
        route = rf"(127\.0\.0\.1|\[?::1\]?):{own} - rid:\d+ - "
        second.log.wait(rf"\[DBG\] Trying to connect to route on (localhost|127\.0\.0\.1):{own}")
        second.log.wait(route + "Route connection created")
        second.log.wait(route + "Route connect msg sent")
        second.log.wait(r"\[DBG\] .* - rid:\d+ - Registering remote route \"" + seed.id)
        second.log.wait("rid:.*Sent local subscriptions to route|Route sent local subscriptions")
        seed.log.wait(r"\[DBG\] .* - rid:\d+ - Registering remote route \"" + second.id)
        third = self.run_line(THIRD, 2)
        self.check_cluster([seed, second, third])
        for server, other in ((second, third), (third, second)):
            server.log.wait(r"\[DBG\] .* - rid:\d+ - Registering remote route \"" + other.id)

    def check_seed_config(self, text):
        self.skip_where_old_dial()
        with open(os.path.join(self.work, "seed.conf"), "w", encoding="utf-8") as out:
            out.write(self.with_own_ports(text))
        seed = self.run_line("-config ./seed.conf -D", 0, monitor=False)
        self.assertEqual((seed.port, seed.route_port, seed.monitor_port),
                         tuple(int(self.ports[name]) for name in ("4222", "4248", "8222")))  # fmt: skip
        self.check_cluster([seed, self.run_line(SECOND, 1), self.run_line(THIRD, 2)])

    def test_a_seed_with_a_configuration(self):
        self.check_seed_config(SEED_CONFIG)

    def test_host_and_port_apart(self):
        self.check_seed_config(SEED_CONFIG_APART)

    def test_the_same_command_line_on_every_host(self):
        """The seed dials itself, notices it and gives up."""
        self.skip_where_old_dial()
        seed = self.run_line(SEED + " -routes nats://localhost:4248", 0)
        self.check_cluster([seed, self.run_line(SECOND, 1), self.run_line(THIRD, 2)])

    def test_an_advertised_address(self):
        """What --cluster_advertise says is what others are told to dial."""
        self.skip_where_old_dial()
        seed = self.run_line(SEED, 0)
        second = self.run_line(SECOND + " --cluster_advertise localhost:" + self.ports["5248"], 1)
        third = self.run_line(THIRD, 2)
        self.check_cluster([seed, second, third])
        peer = self.dialed(second)
        info = peer.read_op().json
        self.assertEqual((info["host"], info["port"]), ("localhost", int(self.ports["5248"])))

    def test_routes_without_a_cluster(self):
        code, _, errors = self.run_once("-p", "-1", "-routes", "nats://localhost:" + self.ports["4248"])
        self.assertEqual(code, 1)
        self.assertIn("solicited routes require cluster capabilities, e.g. --cluster", errors)


if __name__ == "__main__":
    cluster.main()

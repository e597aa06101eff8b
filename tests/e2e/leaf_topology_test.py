#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Leafnodes in chains, rings and clusters: every subscriber gets a message once, and a ring ends."""

import json

from support import latency, leafnodes
from support.cluster import HeldPort
from support.leafnodes import LeafCase

LOOP = "Loop detected for leafnode account"
OWN = "Loop detected for leafnode account|remote leafnode has same cluster name"


class TopologyCase(LeafCase):
    def route_ports(self, count):
        held = [HeldPort() for _ in range(count)]
        for each in held:
            self.addCleanup(each.release)
        return [each.number for each in held]

    def cluster_of(self, index, name, count, more="", **parts):
        """`count` servers with routes to one another; of the hub's kind (0) or the spoke's (1). `more`: settings."""
        ports = self.route_ports(count)
        routes = ", ".join(f'"nats-route://127.0.0.1:{port}"' for port in ports)
        servers = []
        for number, port in enumerate(ports):
            settings = f"cluster {{ name: {name}, listen: 127.0.0.1:{port}, routes: [ {routes} ] }}\n{more}"
            own = {key: value[number] if isinstance(value, list) else value for key, value in parts.items()}
            servers.append(self.leaf_server(index, f"{name}{number}", settings=settings, **own))
        for each in servers:
            self.wait_for(
                lambda s=each: len({route["remote_id"] for route in s.get("/routez")["routes"]}) == count - 1,
                f"{each.name} has its routes",
            )
        return servers

    def check_once(self, publisher, *subscribers):
        """What is published there reaches each of them once (and nobody who is not named)."""
        self.serial = getattr(self, "serial", 0) + 1
        subject = f"once.{self.serial}"
        clients = [self.client(each) for each in subscribers]
        source = self.client(publisher)
        for client in clients:
            client.send(f"SUB {subject} 1\r\n")
            client.expect_quiet()
        for client in clients:
            self.sync(client, source)
        for number in range(20):
            source.send(f"PUB {subject} 3\r\n{number:03}\r\n")
        for client in clients:
            client.expect("".join(f"MSG {subject} 1 3\r\n{number:03}\r\n" for number in range(20)))
        for client in clients:
            self.sync(client, source)  # what came another way would be here by then
            client.expect_quiet()
            client.close()
        source.close()


class ChainTest(TopologyCase):
    def test_messages_pass_a_server_in_the_middle(self):
        top = self.hub(name="T")
        middle = self.spoke(top, name="M", listen=True)
        end = self.leaf_server(1, "E", remotes=[f'url: "{middle.leaf_url}"'], listen=False)
        self.wait_for(lambda: middle.leaf_count() == 2, "both links")
        self.check_once(top, middle, end)
        self.check_once(end, top, middle)
        self.check_once(middle, top, end)

    def test_two_leafnodes_of_one_hub(self):
        hub = self.hub()
        one, two = self.spoke(hub, name="L1"), self.spoke(hub, name="L2")
        self.check_once(one, two, hub)
        self.check_once(hub, one, two)


class MeasuredServiceTest(latency.LatencySamples, TopologyCase):
    """`latency` of services, where requestor or responder is a client of a leafnode."""

    def remotes(self, hub, *users):
        return [f'url: "nats-leaf://{user}:pw@127.0.0.1:{hub.leaf_port}", account: {user.upper()}' for user in users]

    def test_the_responder_is_behind_a_leafnode(self):
        """Both system accounts are joined: the leafnode's server tells the hub what it has measured."""
        hub = self.hub(settings=latency.ACCOUNTS)
        leaf = self.leaf_server(
            1, "L", settings=latency.ACCOUNTS, listen=False, remotes=self.remotes(hub, "exp", "sys")
        )
        self.wait_for(lambda: leaf.leaf_count() == 2, "the leafnode has its links")
        self.check_samples(hub, leaf)

    def test_the_requestor_is_a_leafnode(self):
        hub = self.hub(settings=latency.ACCOUNTS)
        leaf = self.leaf_server(
            1, "L", settings=latency.ACCOUNTS.replace("imports", "# imports"), listen=False,
            remotes=self.remotes(hub, "imp"),
        )  # fmt: skip
        self.wait_for(lambda: leaf.leaf_count() == 1, "the leafnode has its link")
        ear, responder = self.user(hub, "exp"), self.user(hub, "exp", name="the service")
        requestor = self.user(leaf, "imp")
        ear.send("SUB lat 1\r\n")
        responder.send("SUB svc.a 1\r\n")
        requestor.send("SUB in 1\r\n")
        for wire in (ear, responder, requestor):
            wire.expect_quiet()
        self.sync(requestor, self.user(hub, "imp"))
        requestor.send("PUB ask in 2\r\nhi\r\n")
        reply = responder.expect_line(r"MSG svc.a 1 (\S+) 2").group(1)
        responder.read(4)
        responder.send(f"PUB {reply} 2\r\nok\r\n")
        requestor.expect_message("in", 1, b"ok")
        sample = self.read_sample(ear)
        self.assertEqual((sample["status"], sample["requestor"]["acc"]), (200, "IMP"))
        self.assertEqual(sample["responder"]["name"], "the service")


class RingTest(TopologyCase):
    def test_a_remote_to_the_own_port_is_a_loop(self):
        port = self.route_ports(1)[0]
        server = self.leaf_server(1, "S", listen=False, block=f"listen: 127.0.0.1:{port}",
                                  remotes=[f'url: "nats-leaf://127.0.0.1:{port}"'])  # fmt: skip
        server.log.wait(OWN)
        self.check_serves(server)

    def test_a_ring_of_three_ends(self):
        ports = self.route_ports(3)
        servers = []
        for number in range(3):
            servers.append(self.leaf_server(
                1, f"R{number}", listen=False, block=f"listen: 127.0.0.1:{ports[number]}",
                remotes=[f'url: "nats-leaf://127.0.0.1:{ports[(number + 1) % 3]}"']))  # fmt: skip
        self.wait_for(lambda: any(LOOP in each.log.text() for each in servers), "the ring is found")
        for each in servers:
            client = self.client(each)
            client.send("SUB ring 1\r\n")
            client.expect_quiet()
        source = self.client(servers[0])
        source.send("SUB ring 1\r\nPUB ring 1\r\nx\r\n")
        source.expect("MSG ring 1 1\r\nx\r\n")
        source.expect_quiet()
        self.assertLess(sum(each.get("/varz")["in_msgs"] for each in servers), 50)


class ClusteredHubTest(TopologyCase):
    def setUp(self):
        self.hubs = self.shared(lambda: self.cluster_of(0, "H", 2))

    def test_a_leafnode_of_one_of_them(self):
        leaf = self.spoke(self.hubs[0])
        self.check_once(leaf, *self.hubs)
        self.check_once(self.hubs[1], leaf, self.hubs[0])
        leaf.close()

    def test_leafnodes_of_different_ones(self):
        one, two = self.spoke(self.hubs[0], name="L1"), self.spoke(self.hubs[1], name="L2")
        self.check_once(one, two, *self.hubs)
        self.check_once(two, one, *self.hubs)
        one.close()
        two.close()


class LimitTest(TopologyCase):
    ACCOUNTS = """system_account: SYS
        accounts { A { users [ {user: a, password: a} ], limits { max_leafnodes: 1 } }
                   SYS { users [ {user: sys, password: s} ] } }"""

    def test_leafnodes_of_an_account_count_in_the_whole_cluster(self):
        one, two = self.cluster_of(0, "H", 2, more=self.ACCOUNTS)
        ears = [self.client(each, user="sys", **{"pass": "s"}) for each in (one, two)]
        for ear in ears:
            ear.send("SUB $SYS.ACCOUNT.A.SERVER.CONNS 1\r\n")
            ear.expect_quiet()
        self.sync(ears[1], ears[0])

        def login(server):
            peer = self.dial(server)
            peer.read_info()
            peer.send_connect(user="a", **{"pass": "a"})
            return peer

        def wait_known(count):
            while True:
                line = ears[1].read_line()
                event = json.loads(ears[1].read(int(line.split()[-1]) + 2))
                if event["leafnodes"] == count:
                    return

        first = login(one)
        wait_known(1)
        login(two).expect_error("maximum account active connections exceeded")
        first.close()
        wait_known(0)
        self.assertIs(login(two).read_op(own=True).json["connect_info"], True)


class FailoverTest(TopologyCase):
    def test_a_leafnode_goes_to_another_server_of_its_hubs_cluster(self):
        hubs = self.cluster_of(0, "F", 2)
        leaf = self.spoke(hubs[0], block="" if self.kind(1)[2] else 'reconnect: "100ms"')
        self.assertEqual([hub.leaf_count() for hub in hubs], [1, 0])
        hubs[0].stop()
        self.wait_for(lambda: hubs[1].leaf_count() == 1, "the other hub")
        self.check_once(leaf, hubs[1])
        hubs[0].start()


class SuperClusterTest(TopologyCase):
    def test_a_leafnode_answers_another_cluster(self):
        """The interest in the answer may come later than the request: its reply subject names the cluster."""
        ports = self.route_ports(2)
        gateways = ", ".join(f'{{ name: {name}, url: "nats://127.0.0.1:{port}" }}'
                             for name, port in zip("AB", ports))  # fmt: skip
        near, far = (
            self.leaf_server(0, f"G{name}", settings="accounts { SYS {} }\nsystem_account: SYS\n"
                             f"gateway {{ name: {name}, listen: 127.0.0.1:{port}, gateways: [ {gateways} ] }}")
            for name, port in zip("AB", ports))  # fmt: skip
        for each in (near, far):
            self.wait_for(lambda s=each: len(s.get("/gatewayz")["inbound_gateways"]) == 1, "its gateways")
        leaf = self.spoke(near)
        responder, requestor = self.client(leaf), self.client(far)
        responder.send("SUB ask 1\r\n")
        self.sync(responder, requestor)
        for number in range(20):
            requestor.send(f"SUB inbox.{number} {number}\r\nPUB ask inbox.{number} 1\r\n?\r\n")
            responder.expect(f"MSG ask 1 inbox.{number} 1\r\n?\r\n")
            responder.send(f"PUB inbox.{number} 1\r\n!\r\n")
            requestor.expect(f"MSG inbox.{number} {number} 1\r\n!\r\n")
            requestor.send(f"UNSUB {number}\r\n")


class LeafClusterTest(TopologyCase):
    """A cluster whose servers dial different servers of the hub's cluster."""

    def setUp(self):
        self.hubs, self.leafs = self.shared(self.start)

    def start(self):
        hubs = self.cluster_of(0, "H", 2)
        remotes = [[f'url: "{hub.leaf_url}", ignore_discovered_servers: true'] for hub in hubs]
        if self.kind(1)[2]:
            remotes = [[f'url: "{hub.leaf_url}"'] for hub in hubs]
        leafs = self.cluster_of(1, "E", 2, remotes=remotes, listen=False)
        for each in leafs:
            self.wait_for(lambda s=each: s.leaf_count() == 1, "its link")
        return hubs, leafs

    def test_everybody_gets_everything_once(self):
        for publisher in (*self.hubs, *self.leafs):
            with self.subTest(publisher.name):
                self.check_once(publisher, *self.hubs, *self.leafs)

    def test_one_cluster_alone_gets_nothing_twice(self):
        self.check_once(self.leafs[0], self.leafs[1])
        self.check_once(self.leafs[1], self.leafs[0], self.leafs[1])
        self.check_once(self.hubs[0], *self.leafs)


if __name__ == "__main__":
    leafnodes.main()

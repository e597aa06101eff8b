#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients learn of the other servers of a cluster: connect_urls in INFO, and INFO when they change."""

import signal

from support import cluster
from support.cluster import Cluster
from support.route_peer import PeerCase
from support.websocket import WebsocketWire, websocket_port


class DiscoveryCase(PeerCase):
    def listening(self, server, **options):
        """A client that wants to be told (protocol 1)."""
        wire = self.client(server, protocol=1, **options)
        if server.kind.is_go and server.kind.number >= (2, 12):
            wire.read_info()  # about its login, whatever the URLs are
        return wire

    def await_urls(self, wire, urls):
        """Reads INFO after INFO until it names these URLs."""
        while True:
            info = wire.read_info()
            if sorted(info.get("connect_urls") or []) == sorted(urls):
                return info

    @staticmethod
    def own(server):
        return f"127.0.0.1:{server.port}"


class ScriptedDiscoveryTest(DiscoveryCase):
    def test_urls_of_a_peer_come_and_go(self):
        server = self.member()
        wire = self.listening(server)
        self.assertFalse(wire.info.get("connect_urls"))  # it is alone
        peer = self.peer(server, connect_urls=["10.1.1.1:4222", "10.1.1.2:4222"])
        info = self.await_urls(wire, [self.own(server), "10.1.1.1:4222", "10.1.1.2:4222"])
        self.assertEqual(info["connect_urls"][0], self.own(server))
        self.assertEqual(info["server_id"], server.id)
        late = self.listening(server)
        self.assertEqual(sorted(late.info["connect_urls"]), sorted(info["connect_urls"]))
        peer.close()
        for each in (wire, late):
            self.await_urls(each, [self.own(server)])

    def test_old_clients_are_not_told(self):
        server = self.member()
        wire = self.client(server)  # protocol 0
        told = self.listening(server)
        self.peer(server, connect_urls=["10.1.1.1:4222"])
        self.await_urls(told, [self.own(server), "10.1.1.1:4222"])
        wire.expect_quiet()

    def test_a_client_is_told_after_its_first_ping_only(self):
        """Before it, it may not be ready for a second INFO."""
        server = self.member()
        wire = self.wire(server)
        wire.read_info()
        wire.send('CONNECT {"protocol":1,"verbose":false}\r\n')
        told = self.listening(server)
        self.peer(server, connect_urls=["10.1.1.1:4222"])
        self.await_urls(told, [self.own(server), "10.1.1.1:4222"])
        wire.send("PING\r\n")
        self.assertEqual(wire.read_line(), b"PONG")
        # What it missed it gets now.
        self.await_urls(wire, [self.own(server), "10.1.1.1:4222"])

    def test_the_same_urls_again_are_no_news(self):
        server = self.member()
        wire = self.listening(server)
        self.peer(server, connect_urls=["10.1.1.1:4222"])
        self.await_urls(wire, [self.own(server), "10.1.1.1:4222"])
        self.peer(server, connect_urls=["10.1.1.1:4222"])
        self.peer(server, connect_urls=[])
        self.peer(server, connect_urls=None)
        wire.expect_quiet()

    def test_a_url_that_two_advertise_stays_while_one_does(self):
        server = self.member()
        if not server.kind.names_clusters:
            self.skipTest("RC19 forgets it with the first that leaves")
        wire = self.listening(server)
        first = self.peer(server, connect_urls=["10.1.1.1:4222"])
        self.peer(server, connect_urls=["10.1.1.1:4222"])
        other = self.peer(server, connect_urls=["10.9.9.9:4222"])
        self.await_urls(wire, [self.own(server), "10.1.1.1:4222", "10.9.9.9:4222"])
        shown = server.get("/varz")["connect_urls"]
        self.assertEqual(sorted(shown), sorted([self.own(server), "10.1.1.1:4222", "10.9.9.9:4222"]))
        first.close()
        self.wait_for(lambda: server.get("/varz")["remotes"] == 2, "the first is gone")
        other.close()
        self.await_urls(wire, [self.own(server), "10.1.1.1:4222"])

    def test_a_peer_that_goes_into_lame_duck_mode(self):
        """Its route stays, its URLs go."""
        server = self.member()
        if not server.kind.names_clusters:
            self.skipTest("RC19 knows nothing of it")
        wire = self.listening(server)
        peer = self.peer(server, connect_urls=["10.1.1.1:4222"])
        self.await_urls(wire, [self.own(server), "10.1.1.1:4222"])
        peer.send_info(ldm=True)
        self.await_urls(wire, [self.own(server)])
        self.check_routed(server, peer)

    def test_a_lame_duck_stays_one(self):
        """Also for a route that is being set up as that begins, and in what a reload announces."""
        server = self.member(settings='lame_duck_duration: "30s"\nlame_duck_grace_period: "20s"\n')
        if server.kind.is_go:
            self.skipTest("it neither registers routes nor reloads by then")
        wire = self.listening(server)
        peer, late = self.peer(server), self.dialed(server)
        self.assertNotIn("ldm", late.read_verb("INFO").json)
        server.send_signal(signal.SIGUSR2)
        self.assertIs(peer.read_verb("INFO").json.get("ldm"), True)
        late.send_connect()
        late.send_info()
        told = [op.json.get("ldm") for op in late.drain() if op.verb == "INFO"]
        self.assertEqual(told, [True])
        server.settings += 'client_advertise: "nats.example.com:7777"\n'
        server.write_config()
        server.send_signal(signal.SIGHUP)
        fresh = ["nats.example.com:7777"]
        while (op := peer.read_op()).verb != "INFO" or op.json.get("connect_urls") != fresh:
            pass
        self.assertIs(op.json.get("ldm"), True)
        wire.close()

    def test_nothing_is_advertised(self):
        server = self.member(cluster_settings="no_advertise: true\n")
        wire = self.listening(server)
        self.assertFalse(wire.info.get("connect_urls"))
        peer = self.peer(server, connect_urls=["10.1.1.1:4222"])
        self.assertFalse(peer.peer.get("connect_urls"))
        wire.expect_quiet()
        self.assertFalse(self.listening(server).info.get("connect_urls"))

    def test_a_reload_announces_nothing_to_connected_clients(self):
        """The next change of the cluster does."""
        server = self.member()
        wire = self.listening(server)
        self.peer(server, connect_urls=["10.1.1.1:4222"])
        self.await_urls(wire, [self.own(server), "10.1.1.1:4222"])
        for settings in ("no_advertise: true\n", ""):
            mark = len(server.log.lines())
            server.cluster_settings = settings
            server.write_config()
            server.send_signal(signal.SIGHUP)
            server.log.wait("Reloaded: cluster", after=mark)
            wire.expect_quiet()
        self.peer(server, connect_urls=["10.1.1.2:4222"])
        self.await_urls(wire, [self.own(server), "10.1.1.1:4222", "10.1.1.2:4222"])

    def test_another_address_for_clients(self):
        server = self.member(settings='client_advertise: "nats.example.com:7777"\n')
        peer = self.peer(server)
        self.assertEqual(peer.peer["connect_urls"], ["nats.example.com:7777"])
        info = self.listening(server).info
        self.assertEqual((info["host"], info["port"]), ("nats.example.com", 7777))
        wire = self.listening(server)
        self.peer(server, connect_urls=["10.1.1.1:4222"])
        self.await_urls(wire, ["nats.example.com:7777", "10.1.1.1:4222"])

    def test_another_address_for_routes(self):
        for setting in ("cluster_advertise", "advertise"):
            server = self.member(cluster_settings=f'{setting}: "routes.example.com:7777"\n')
            info = self.peer(server).peer
            self.assertEqual((info["host"], info["port"]), ("routes.example.com", 7777))
            self.assertEqual(info["ip"], "nats-route://routes.example.com:7777/")

    def test_another_address_without_a_port(self):
        server = self.member(cluster_settings='cluster_advertise: "routes.example.com"\n')
        info = self.peer(server).peer
        self.assertEqual((info["host"], info["port"]), ("routes.example.com", server.route_port))


class WebsocketDiscoveryTest(DiscoveryCase):
    """Clients that came over WebSocket learn of the WebSocket ports, and of those only."""

    BLOCK = 'websocket { listen: "127.0.0.1:-1", no_tls: true %s }\n'

    def setUp(self):
        if not self.kind().names_clusters:
            self.skipTest("RC19 has no WebSocket")

    def browser(self, server):
        wire = WebsocketWire(websocket_port(server))
        self.addCleanup(wire.close)
        wire.upgrade()
        wire.info = wire.open(protocol=1)
        if server.kind.is_go and server.kind.number >= (2, 12):
            wire.read_info()
        return wire

    def test_urls_of_a_peer_come_and_go(self):
        server = self.member(settings=self.BLOCK % "")
        own = f"127.0.0.1:{websocket_port(server)}"
        told, plain = self.browser(server), self.listening(server)
        peer = self.peer(server, connect_urls=None, ws_connect_urls=["10.1.1.1:80", "10.1.1.2:80"])
        self.assertEqual(peer.peer["ws_connect_urls"], [own])
        urls = [own, "10.1.1.1:80", "10.1.1.2:80"]
        self.await_urls(told, urls)
        self.assertEqual(sorted(server.get("/varz")["ws_connect_urls"]), sorted(urls))
        plain.expect_quiet()
        self.peer(server, connect_urls=["10.1.1.1:4222"])
        self.await_urls(plain, [self.own(server), "10.1.1.1:4222"])
        told.expect_quiet()
        late = self.browser(server)
        self.assertEqual(sorted(late.info["connect_urls"]), sorted(urls))
        self.assertNotIn("ws_connect_urls", late.info)
        peer.close()
        self.await_urls(told, [own])

    def test_addresses_of_the_configuration(self):
        server = self.member(settings=self.BLOCK % ', advertise: "ws.example.com"')
        port = websocket_port(server)
        self.assertEqual(self.peer(server).peer["ws_connect_urls"], [f"ws.example.com:{port}"])
        silent = self.member(settings=self.BLOCK % "", cluster_settings="no_advertise: true\n")
        peer = self.peer(silent, ws_connect_urls=["10.1.1.1:80"])
        self.assertFalse(peer.peer.get("ws_connect_urls"))
        self.assertFalse(self.browser(silent).info.get("connect_urls"))

    def test_members_tell_each_other(self):
        servers = self.cluster(2, settings=self.BLOCK % "")
        urls = [f"127.0.0.1:{websocket_port(server)}" for server in servers]
        told = self.browser(servers[0])
        self.assertEqual(sorted(told.info["connect_urls"]), sorted(urls))
        # It has a client, so that it does not end at once.
        leaving = self.browser(servers[1])
        servers[1].send_signal(signal.SIGUSR2)
        self.await_urls(told, urls[:1])
        info = leaving.read_info()
        self.assertTrue(info["ldm"])
        self.assertEqual(info["connect_urls"], urls[:1])


class ClusterDiscoveryTest(DiscoveryCase):
    def test_servers_join_and_leave(self):
        first = self.member()
        wire = self.listening(first)
        second = self.member(1, routes=[first.route_url])
        self.await_urls(wire, [self.own(first), self.own(second)])
        Cluster(self, [first, second]).wait_mesh()
        urls = sorted([self.own(first), self.own(second)])
        self.assertEqual(sorted(self.listening(second).info["connect_urls"]), urls)
        second.stop()
        self.await_urls(wire, [self.own(first)])

    def test_three(self):
        servers = self.cluster(3)
        urls = sorted(self.own(server) for server in servers)
        for server in servers:
            self.wait_for(lambda s=server: sorted(self.listening(s).info["connect_urls"]) == urls, "all are named")
        wires = [self.listening(server) for server in servers]
        servers[1].kill()
        for wire in (wires[0], wires[2]):
            self.await_urls(wire, [self.own(servers[0]), self.own(servers[2])])

    def test_lame_duck_mode(self):
        """Clients elsewhere forget it at once, its own are told that it goes."""
        first = self.member(settings='lame_duck_duration: "30s"\nlame_duck_grace_period: "1s"\n'
                            if self.kind().names_clusters else 'lame_duck_duration: "30s"\n')  # fmt: skip
        second = self.member(1, routes=[first.route_url])
        if not (first.kind.names_clusters and second.kind.names_clusters):
            self.skipTest("servers before 2.2 do not tell")
        Cluster(self, [first, second]).wait_mesh()
        far, near = self.listening(second), self.listening(first)
        self.wait_for(lambda: len(self.listening(second).info["connect_urls"]) == 2, "both are named")
        first.send_signal(signal.SIGUSR2)
        self.await_urls(far, [self.own(second)])
        self.assertIs(near.read_info().get("ldm"), True)
        first.wait_exit()


if __name__ == "__main__":
    cluster.main()

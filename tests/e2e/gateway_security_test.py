#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who may be a gateway: user and password, certificates of both ends; ports that were mistaken for another."""

import signal
import ssl

from support import super_cluster
from support.gateway_peer import GatewayPeer, GatewayPeerCase
from support.leaf_peer import LeafPeer
from support.route_peer import RoutePeer
from support.tls import Certificates, TlsWire
from support.wire import WireError

# Go wants a system account beside gateways and leafnodes.
LEAFNODES = """
leafnodes { listen: "127.0.0.1:-1" }
accounts { SYS { } }
system_account: SYS
"""
AUTHORIZATION = '  authorization { user: gw, password: "top_secret" }\n'


def leaf_port(server):
    return int(server.log.wait(r"Listening for leafnode connections on \S+:(\d+)")[0].group(1))


class TlsPeer(GatewayPeer):
    receive = TlsWire.receive

    def handshake(self, certificates, client=None):
        context = ssl.create_default_context(cafile=certificates.ca)
        if client:
            context.load_cert_chain(*client)
        self.socket = context.wrap_socket(self.socket, server_hostname="127.0.0.1")
        return self


class PasswordTest(GatewayPeerCase):
    def test_clusters_log_in_to_each_other(self):
        """With the password of the URL, or else of the block."""
        clusters = self.super_cluster(1, 1, gateway_settings=AUTHORIZATION)
        a, b = (self.client(each[0]) for each in clusters)
        b.send("SUB foo 1\r\n")
        self.sync(b, a)
        a.send("PUB foo 2\r\nhi\r\n")
        b.expect_message("foo", 1, b"hi")

    def test_a_wrong_password_stays_out(self):
        b = self.gateway_member(1, gateway_settings=AUTHORIZATION)
        url = b.gateway_url.replace("//", "//gw:wrong@")
        a = self.gateway_member(0, gateways=[("B", [url])])
        a.log.wait("Authorization Violation")
        b.log.wait("authentication error|Authorization Violation|Authentication Failure")
        self.assertNotIn("Inbound gateway connection from", b.log.text())
        for server in (a, b):
            self.assertNotIn("top_secret", server.log.text())
            self.assertNotIn("wrong@", server.log.text())

    def test_a_hashed_password(self):
        hashed = "$2a$11$UaoHwUEqHaMwqo6L4kM2buOBnGFnSCWxNXY87hl.kCERqKK8WAXM."
        settings = f'  authorization {{ user: gw, password: "{hashed}", timeout: 10 }}'
        server = self.gateway_member(gateway_settings=settings)
        peer = self.dialed(server)
        peer.read_op()
        peer.send_connect(user="gw", **{"pass": "top_secret"})
        peer.send_info()
        peer.drain()
        server.wait_inbound("X")


class TlsTest(GatewayPeerCase):
    @classmethod
    def setUpClass(cls):
        cls.certificates = None

    def certify(self):
        if TlsTest.certificates is None:
            TlsTest.certificates = Certificates(self.folder())
        return self.certificates

    def block(self, certificates, *lines):
        return certificates.config(f'ca_file: "{certificates.ca}"', "timeout: 5", *lines)

    def test_clusters_show_each_other_certificates(self):
        certificates = Certificates(self.folder())
        clusters = self.super_cluster(1, 1, gateway_settings=self.block(certificates))
        a, b = (self.client(each[0]) for each in clusters)
        b.send("SUB foo 1\r\n")
        self.sync(b, a)
        a.send("PUB foo 2\r\nhi\r\n")
        b.expect_message("foo", 1, b"hi")

    def test_nobody_enters_without_a_certificate(self):
        certificates = Certificates(self.folder())
        server = self.gateway_member(gateway_settings=self.block(certificates))
        own = certificates.issue("gateway", "/CN=gateway", "IP:127.0.0.1")
        peer = TlsPeer(server.gateway_port).setup()
        self.addCleanup(peer.close)
        peer.handshake(certificates, own)
        self.assertTrue(peer.read_op().json["tls_required"])
        peer.send_connect()
        peer.send_info()
        peer.drain()
        server.wait_inbound("X")
        stranger = TlsPeer(server.gateway_port).setup()
        self.addCleanup(stranger.close)
        try:
            stranger.handshake(certificates)
            stranger.read_op()
            self.fail("a stranger got an INFO")
        except (WireError, ssl.SSLError, ConnectionError):
            pass
        server.log.wait("TLS gateway handshake error")

    def test_only_known_hosts_enter(self):
        certificates = Certificates(self.folder())
        known = certificates.issue("known", "/CN=x", "DNS:known.example,IP:127.0.0.1")
        other = certificates.issue("other", "/CN=known.example", "DNS:other.example,IP:127.0.0.1")
        server = self.gateway_member(
            gateways=[("X", ["nats://known.example:1"])],
            gateway_settings=self.block(certificates, "verify_cert_and_check_known_urls: true"))  # fmt: skip
        for files in (other, known):
            peer = TlsPeer(server.gateway_port).setup()
            self.addCleanup(peer.close)
            peer.handshake(certificates, files)
            peer.read_op()
            peer.send_connect()
            if files is other:
                self.assertIn("-ERR 'Authorization Violation'", [op.line for op in peer.read_until_end()])
        peer.send_info()
        peer.drain()
        server.wait_inbound("X")

    def test_a_learned_address_is_checked_by_the_name_of_a_configured_one(self):
        """A cluster announces numeric addresses; its certificates name hosts."""
        certificates = Certificates(self.folder())
        certificates.cert, certificates.key = certificates.issue("named", "/CN=gateway", "DNS:localhost")
        settings = self.block(certificates)
        first = self.gateway_member(1, 0, gateway_settings=settings)
        second = self.gateway_member(1, 1, gateway_settings=settings, routes=[first.route_url])
        known = first.gateway_url.replace("127.0.0.1", "localhost")
        a = self.gateway_member(0, gateways=[("B", [known])], gateway_settings=settings)
        a.wait_outbound("B")
        self.wait_for(lambda: second.remote_ids() == {first.id}, "the members of B know each other")
        lines = len(a.log.lines())
        first.stop()
        a.wait_outbound("B", after=lines)

    def test_certificates_follow_a_reload(self):
        old, new = Certificates(self.folder()), Certificates(self.folder())
        server = self.gateway_member(gateway_settings=self.block(old))
        own = {each: each.issue("gateway", "/CN=gateway", "IP:127.0.0.1") for each in (old, new)}

        def enters(certificates):
            peer = TlsPeer(server.gateway_port).setup()
            try:
                peer.handshake(certificates, own[certificates])
                return peer.read_op().verb == "INFO"
            except (WireError, ssl.SSLError, ConnectionError):
                return False
            finally:
                peer.close()

        self.assertEqual([enters(old), enters(new)], [True, False])
        server.gateway_settings = self.block(new)
        server.write_config()
        server.send_signal(signal.SIGHUP)
        server.log.wait("Reloaded server configuration")
        self.assertEqual([enters(old), enters(new)], [False, True])

    def test_pins_that_change_close_connections(self):
        if any(kind.number < (2, 10) for kind in self.all_kinds()):
            self.skipTest("older servers keep connections whose pin has gone")
        certificates = Certificates(self.folder())
        names = "IP:127.0.0.1"
        stays, goes = (certificates.issue(name, f"/CN={name}", names) for name in ("stays", "goes"))

        def settings(*files):
            pins = ", ".join(f'"{certificates.pin(each[0])}"' for each in files)
            return certificates.config(f'ca_file: "{certificates.ca}"', "timeout: 5", f"pinned_certs: [{pins}]")

        def enters(files, name):
            peer = TlsPeer(server.gateway_port).setup(name)
            self.addCleanup(peer.close)
            peer.handshake(certificates, files)
            peer.read_op()
            peer.send_connect()
            peer.send_info()
            peer.drain()
            server.wait_inbound(name)
            return peer

        own = (certificates.cert, certificates.key)
        other = self.gateway_member(1, gateway_settings=settings(own, goes))
        certificates.cert, certificates.key = goes
        server = self.gateway_member(
            gateway_settings=settings(stays, goes, own), gateways=[("B", [other.gateway_url])]
        )
        server.wait_outbound("B")
        kept, closed = enters(stays, "X"), enters(goes, "Y")
        server.gateway_settings = settings(stays, own)
        server.write_config()
        server.send_signal(signal.SIGHUP)
        closed.read_until_end()
        kept.drain()
        page = server.get("/gatewayz")
        self.assertEqual(list(page["outbound_gateways"]), ["B"])
        self.assertNotIn("Y", page["inbound_gateways"])
        server.gateway_settings = settings(stays)
        server.write_config()
        lines = len(server.log.lines())
        server.send_signal(signal.SIGHUP)
        server.log.wait("TLS gateway handshake error: certificate not pinned", after=lines)  # it was dialed again
        self.assertNotIn("B", server.get("/gatewayz")["outbound_gateways"])
        kept.drain()

    def test_pins_that_change_before_the_connect(self):
        if any(kind.is_go for kind in self.all_kinds()):
            self.skipTest("Go servers look at connections that are registered")
        certificates = Certificates(self.folder())
        stays, goes = (certificates.issue(name, f"/CN={name}", "IP:127.0.0.1") for name in ("stays", "goes"))

        def settings(*files):
            pins = ", ".join(f'"{certificates.pin(each[0])}"' for each in files)
            return certificates.config(f'ca_file: "{certificates.ca}"', "timeout: 5", f"pinned_certs: [{pins}]")

        server = self.gateway_member(gateway_settings=settings(stays, goes))
        peers = []
        for files, name in ((stays, "X"), (goes, "Y")):
            peer = TlsPeer(server.gateway_port).setup(name)
            self.addCleanup(peer.close)
            peer.handshake(certificates, files)
            peer.read_op()
            peers.append(peer)
        server.gateway_settings = settings(stays)
        server.write_config()
        server.send_signal(signal.SIGHUP)
        server.log.wait("Reloaded server configuration")
        for peer in peers:
            peer.send_connect()
            peer.send_info()
        peers[1].read_until_end()
        peers[0].drain()
        server.wait_inbound("X")
        self.assertNotIn("Y", server.get("/gatewayz")["inbound_gateways"])

    def test_a_gateway_without_tls(self):
        certificates = Certificates(self.folder())
        server = self.gateway_member(gateway_settings=self.block(certificates))
        peer = self.dialed(server)
        peer.send_connect()
        self.assertEqual([op for op in peer.read_until_end() if op.verb == "INFO"], [])
        server.log.wait("TLS gateway handshake error")
        self.check_serves(server)


class PortTest(GatewayPeerCase):
    """Every port says what it is to those who took it for another."""

    def test_a_gateway_at_the_route_port(self):
        server = self.gateway_member()
        peer = RoutePeer(server.route_port).setup("A", gateway="X")
        self.addCleanup(peer.close)
        peer.read_op()
        peer.send_connect(gateway="X")
        said = [op.line for op in peer.read_until_end() if op.verb == "-ERR"]
        self.assertEqual(said, ["-ERR 'Rejecting connection from gateway \"X\" on the Route port'"])

    def test_a_route_at_the_gateway_port(self):
        server = self.gateway_member()
        peer = RoutePeer(server.gateway_port).setup("A")
        self.addCleanup(peer.close)
        peer.read_op()
        peer.send_connect()
        said = [op.line for op in peer.read_until_end() if op.verb == "-ERR"]
        self.assertEqual(said, ["-ERR 'attempted to connect to gateway port'"])

    def test_a_leafnode_at_the_gateway_port(self):
        server = self.gateway_member()
        peer = LeafPeer(server.gateway_port).setup_spoke()
        self.addCleanup(peer.close)
        peer.read_op(own=True)
        peer.send_connect()
        said = [op.line for op in peer.read_until_end() if op.verb == "-ERR"]
        self.assertEqual(said, ["-ERR 'attempted to connect to gateway port'"])

    def test_a_gateway_at_the_leafnode_port(self):
        server = self.gateway_member(settings=LEAFNODES)
        peer = LeafPeer(leaf_port(server)).setup_spoke()
        self.addCleanup(peer.close)
        peer.read_op(own=True)
        peer.send('CONNECT {"name":"N","gateway":"X"}\r\n')
        said = [op.line for op in peer.read_until_end() if op.verb == "-ERR"]
        self.assertEqual(said, ["-ERR 'Rejecting connection from gateway \"X\" on the leafnode port'"])

    def test_ports_that_are_dialed_as_gateways(self):
        other = self.gateway_member(1, settings=LEAFNODES)
        for port in (other.port, other.route_port, leaf_port(other)):
            server = self.gateway_member(gateways=[("B", [f"nats://127.0.0.1:{port}"])])
            server.log.wait('Attempt to connect to gateway "B" using wrong port')
            self.check_serves(server)
            server.close()
        self.check_serves(other)

    def test_a_gateway_port_that_is_dialed_as_another(self):
        other = self.gateway_member(1)
        url = f"127.0.0.1:{other.gateway_port}"
        remote = f'leafnodes {{ remotes: [ {{ url: "nats-leaf://{url}" }} ] }}\n'
        server = self.gateway_member(routes=[f"nats-route://{url}"], settings=remote)
        for kind in ("route", "leafnode"):
            server.log.wait(rf"127\.0\.0\.1:{other.gateway_port} - [rl]id:.*(wrong port|gateway port)")
        self.check_serves(server)
        self.check_serves(other)
        self.assertFalse(server.get("/routez")["routes"])


if __name__ == "__main__":
    super_cluster.main()
